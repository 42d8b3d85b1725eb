/* Tests of revocations/maker.h: which lists count, and what stays when one does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "certificate_maker.h"
#include "revocations/maker.h"

enum { HOUR_S = 3600, TEXT_SIZE = 8192 };

static struct made root;
static struct made issuing; /* below root */
static struct made stranger;

/* What a list is to say. Zeros make a good one without a number. */
struct list {
    const struct made *signer;  /* NULL: issuing */
    const struct made *named;   /* as its issuer; NULL: the signer */
    long serials;               /* 1, 2, … up to it */
    long number;                /* 0: none */
    long begins_s;              /* from now; 0: a minute ago */
    long ends_s;                /* 0: in an hour */
    bool has_no_end;
    const char *extension;      /* an OID with that content, critical; NULL: none */
    const char *entry_extension;
    const EVP_MD *hash;
};

static int make_authorities(void **state)
{
    (void)state;
    root = made_certificate(&(struct made_request){.name = "Root", .is_ca = true, .path_length = -1});
    issuing = made_certificate(
        &(struct made_request){.name = "Issuing", .issuer = &root, .is_ca = true, .path_length = -1});
    stranger = made_certificate(
        &(struct made_request){.name = "Issuing", .is_ca = true, .path_length = -1});
    return 0;
}

static int free_authorities(void **state)
{
    (void)state;
    made_free(&stranger);
    made_free(&issuing);
    made_free(&root);
    return 0;
}

/* An extension of that kind; what it holds is an empty sequence. */
static X509_EXTENSION *extension_of(const char *oid)
{
    static const uint8_t empty[] = {0x30, 0x00};
    ASN1_OBJECT *kind = OBJ_txt2obj(oid, 0);
    ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(content, empty, sizeof empty), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, kind, 1, content);
    ASN1_OCTET_STRING_free(content);
    ASN1_OBJECT_free(kind);
    return extension;
}

static void add_entries(X509_CRL *crl, const struct list *list)
{
    ASN1_TIME *when = X509_gmtime_adj(NULL, 0);
    for (long i = 1; i <= list->serials; i++) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        assert_int_equal(ASN1_INTEGER_set(serial, i), 1);
        assert_int_equal(X509_REVOKED_set_serialNumber(entry, serial), 1);
        assert_int_equal(X509_REVOKED_set_revocationDate(entry, when), 1);
        if (list->entry_extension != NULL) {
            X509_EXTENSION *extension = extension_of(list->entry_extension);
            assert_int_equal(X509_REVOKED_add_ext(entry, extension, -1), 1);
            X509_EXTENSION_free(extension);
        }
        assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
        ASN1_INTEGER_free(serial);
    }
    ASN1_TIME_free(when);
}

static void add_extensions(X509_CRL *crl, const struct list *list)
{
    if (list->number > 0) {
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        assert_int_equal(ASN1_INTEGER_set(number, list->number), 1);
        assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0), 1);
        ASN1_INTEGER_free(number);
    }
    if (list->extension != NULL) {
        X509_EXTENSION *extension = extension_of(list->extension);
        assert_int_equal(X509_CRL_add_ext(crl, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
}

static X509_CRL *make_list(const struct list *list)
{
    const struct made *signer = list->signer == NULL ? &issuing : list->signer;
    const struct made *named = list->named == NULL ? signer : list->named;
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *begins = X509_gmtime_adj(NULL, list->begins_s == 0 ? -60 : list->begins_s);
    ASN1_TIME *ends = X509_gmtime_adj(NULL, list->ends_s == 0 ? HOUR_S : list->ends_s);
    assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(named->certificate)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, begins), 1);
    if (!list->has_no_end)
        assert_int_equal(X509_CRL_set1_nextUpdate(crl, ends), 1);
    add_entries(crl, list);
    add_extensions(crl, list);
    assert_true(X509_CRL_sign(crl, signer->key, list->hash == NULL ? EVP_sha256() : list->hash) > 0);
    ASN1_TIME_free(begins);
    ASN1_TIME_free(ends);
    return crl;
}

/* --- Files ---------------------------------------------------------------------------------------- */

static int file_of(struct span octets)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets.at, octets.len), (ssize_t)octets.len);
    return fd;
}

/* The content of a BIO as a file. */
static int file_from(BIO *bio)
{
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    int fd = file_of(span_make(at, (size_t)len));
    BIO_free(bio);
    return fd;
}

/* A file of PEM, of the lists up to the first NULL. */
static int file_of_lists(const struct list *one, const struct list *two)
{
    const struct list *const lists[] = {one, two};
    BIO *bio = BIO_new(BIO_s_mem());
    for (size_t i = 0; i < 2 && lists[i] != NULL; i++) {
        X509_CRL *crl = make_list(lists[i]);
        assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
        X509_CRL_free(crl);
    }
    return file_from(bio);
}

static int file_of_authorities(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, issuing.certificate), 1);
    assert_int_equal(PEM_write_bio_X509(bio, root.certificate), 1);
    return file_from(bio);
}

/* --- Tables --------------------------------------------------------------------------------------- */

/* The table that a file of lists makes, after former (-1: none). Closes file. */
static int make_table(int file, int former)
{
    static struct maker maker;
    int certificates = file_of_authorities();
    int table = memfd_create("table", MFD_CLOEXEC);
    assert_true(maker_init(&maker, SPAN("test"), certificates, former));
    maker_add(&maker, SPAN("crl.pem"), file);
    assert_true(maker_write(&maker, table));
    maker_fini(&maker);
    assert_int_equal(close(certificates), 0);
    assert_int_equal(close(file), 0);
    return table;
}

/* How many serials the table has of that authority; -1: no list. */
static int64_t count_of(int fd, const struct made *authority)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    struct revocations table;
    struct issuer issuer;
    assert_true(revocations_map(fd, &table, &why));
    assert_true(issuer_identify(authority->certificate, &issuer));
    const struct revocations_row *row = revocations_row_of(&table, &issuer);
    int64_t count = row == NULL ? -1 : (int64_t)revocations_row_count(row);
    revocations_unmap(&table);
    return count;
}

static void assert_taken(const struct list *list, int64_t serials)
{
    int table = make_table(file_of_lists(list, NULL), -1);
    assert_int_equal(count_of(table, &issuing), serials);
    assert_int_equal(close(table), 0);
}

static void assert_refused(const struct list *list)
{
    assert_taken(list, -1);
}

/* --- Which lists count ---------------------------------------------------------------------------- */

static void test_a_good_list_counts(void **state)
{
    (void)state;
    assert_taken(&(struct list){.serials = 0}, 0);
    assert_taken(&(struct list){.serials = 300, .number = 1}, 300);
    assert_taken(&(struct list){.serials = 1, .begins_s = -7200, .ends_s = -HOUR_S}, 1); /* overdue */
}

static void test_one_that_somebody_else_signed_does_not(void **state)
{
    (void)state;
    assert_refused(&(struct list){.signer = &stranger});
    assert_refused(&(struct list){.signer = &root, .named = &issuing});
    assert_refused(&(struct list){.signer = &issuing, .named = &root});
    assert_refused(&(struct list){.hash = EVP_sha1()});
}

static void test_one_whose_times_are_wrong_does_not(void **state)
{
    (void)state;
    assert_refused(&(struct list){.begins_s = 2 * HOUR_S, .ends_s = 4 * HOUR_S});
    assert_refused(&(struct list){.begins_s = -60, .ends_s = -120});
    assert_refused(&(struct list){.has_no_end = true});
}

static void test_one_that_does_not_say_all_does_not(void **state)
{
    (void)state;
    assert_refused(&(struct list){.extension = "2.5.29.27"});  /* deltaCRLIndicator */
    assert_refused(&(struct list){.extension = "2.5.29.28"});  /* issuingDistributionPoint */
    assert_refused(&(struct list){.extension = "1.2.3.4.5"});
    assert_refused(&(struct list){.extension = "2.5.29.20"});  /* a cRLNumber that is none */
    assert_refused(&(struct list){.serials = 2, .entry_extension = "2.5.29.29"}); /* certificateIssuer */
    assert_refused(&(struct list){.serials = 2, .entry_extension = "1.2.3.4.5"});
}

static void test_der_is_read_as_well(void **state)
{
    (void)state;
    BIO *bio = BIO_new(BIO_s_mem());
    X509_CRL *crl = make_list(&(struct list){.serials = 5});
    assert_int_equal(i2d_X509_CRL_bio(bio, crl), 1);
    X509_CRL_free(crl);
    int table = make_table(file_from(bio), -1);
    assert_int_equal(count_of(table, &issuing), 5);
    assert_int_equal(close(table), 0);
}

static void test_each_level_has_its_list(void **state)
{
    (void)state;
    int table = make_table(file_of_lists(&(struct list){.serials = 3}, NULL), -1);
    assert_int_equal(count_of(table, &root), -1);
    assert_int_equal(close(table), 0);
    table = make_table(
        file_of_lists(&(struct list){.serials = 3}, &(struct list){.signer = &root, .serials = 4}), -1);
    assert_int_equal(count_of(table, &issuing), 3);
    assert_int_equal(count_of(table, &root), 4);
    assert_int_equal(close(table), 0);
}

static void test_the_newer_of_two_lists_counts(void **state)
{
    (void)state;
    const struct list older = {.serials = 3, .number = 7};
    const struct list newer = {.serials = 2, .number = 8};
    int table = make_table(file_of_lists(&older, &newer), -1);
    assert_int_equal(count_of(table, &issuing), 2);
    assert_int_equal(close(table), 0);
    table = make_table(file_of_lists(&newer, &older), -1);
    assert_int_equal(count_of(table, &issuing), 2);
    assert_int_equal(close(table), 0);
}

/* --- After one that is in force ------------------------------------------------------------------- */

/* One after the other; expected: how many serials count then. */
static void assert_followed(const struct list *former, int file, int64_t expected)
{
    int first = make_table(file_of_lists(former, NULL), -1);
    int second = make_table(file, first);
    assert_int_equal(count_of(second, &issuing), expected);
    assert_int_equal(close(first), 0);
    assert_int_equal(close(second), 0);
}

static void test_a_newer_list_replaces_the_former(void **state)
{
    (void)state;
    const struct list former = {.serials = 10, .number = 5, .begins_s = -120};
    assert_followed(&former, file_of_lists(&(struct list){.serials = 11, .number = 6}, NULL), 11);
    assert_followed(&former, file_of_lists(&(struct list){.serials = 1, .number = 6}, NULL), 1);
    assert_followed(&former, file_of_lists(&(struct list){.serials = 9}, NULL), 9);
}

static void test_the_former_stays_where_nothing_good_came(void **state)
{
    (void)state;
    const struct list former = {.serials = 10, .number = 5, .begins_s = -120};
    assert_followed(&former, file_of(SPAN("")), 10);
    assert_followed(&former, file_of(SPAN("-----BEGIN X509 CRL-----\nMIIB")), 10);
    assert_followed(&former, file_of(SPAN("\x30\x82\x01\x02\x03")), 10);
    assert_followed(&former, file_of_lists(&(struct list){.signer = &stranger, .number = 6}, NULL), 10);
    assert_followed(&former, file_of_lists(&(struct list){.signer = &root}, NULL), 10);
}

static void test_nothing_goes_backwards(void **state)
{
    (void)state;
    const struct list former = {.serials = 10, .number = 5, .begins_s = -120};
    assert_followed(&former, file_of_lists(&(struct list){.serials = 11, .number = 4}, NULL), 10);
    assert_followed(&former,
                    file_of_lists(&(struct list){.serials = 11, .number = 5, .begins_s = -600}, NULL), 10);
    assert_followed(&former, file_of_lists(&(struct list){.serials = 4, .number = 5}, NULL), 10);
    assert_followed(&former, file_of_lists(&(struct list){.serials = 4}, NULL), 10);
}

static void test_without_authorities_there_is_no_table(void **state)
{
    (void)state;
    static struct maker maker;
    int certificates = file_of(SPAN("nothing"));
    assert_false(maker_init(&maker, SPAN("test"), certificates, -1));
    maker_fini(&maker);
    assert_int_equal(close(certificates), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_list_counts),
        cmocka_unit_test(test_one_that_somebody_else_signed_does_not),
        cmocka_unit_test(test_one_whose_times_are_wrong_does_not),
        cmocka_unit_test(test_one_that_does_not_say_all_does_not),
        cmocka_unit_test(test_der_is_read_as_well),
        cmocka_unit_test(test_each_level_has_its_list),
        cmocka_unit_test(test_the_newer_of_two_lists_counts),
        cmocka_unit_test(test_a_newer_list_replaces_the_former),
        cmocka_unit_test(test_the_former_stays_where_nothing_good_came),
        cmocka_unit_test(test_nothing_goes_backwards),
        cmocka_unit_test(test_without_authorities_there_is_no_table),
    };
    return cmocka_run_group_tests(tests, make_authorities, free_authorities);
}
