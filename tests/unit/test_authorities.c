/* Tests of pki/authorities.h: a certificate and its chain, from DER, against PEM files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "certificate_maker.h"
#include "pki/authorities.h"
#include "revocations/maker.h"

static struct made root;
static struct made issuing; /* below root */
static struct made client;  /* of issuing: alice */

static int make_chain(void **state)
{
    auto_strbuf struct strbuf buf = STRBUF(1024);
    (void)state;
    root = made_certificate(&(struct made_request){.name = "Root", .is_ca = true, .path_length = -1});
    issuing = made_certificate(
        &(struct made_request){.name = "Issuing", .issuer = &root, .is_ca = true, .path_length = -1});
    client = made_certificate(&(struct made_request){.name = "alice",
                                                     .issuer = &issuing,
                                                     .purposes = "clientAuth",
                                                     .names = made_mailbox("alice@example.org", &buf)});
    return 0;
}

static int free_chain(void **state)
{
    (void)state;
    made_free(&client);
    made_free(&issuing);
    made_free(&root);
    return 0;
}

/* A section that says no more than it must. */
static struct client_ca_request request_of(const char *name, int certificate_fd)
{
    return (struct client_ca_request){.name = span_of(name),
                                      .certificate_fd = certificate_fd,
                                      .map = SPAN("rfc822Name"),
                                      .pattern = SPAN("*"),
                                      .login = SPAN("*"),
                                      .map_file_fd = -1};
}

/* The table of a file of lists. */
static int make_table(FILE *certificates, FILE *crls)
{
    static struct maker maker;
    int table = memfd_create("table", MFD_CLOEXEC);
    assert_true(maker_init(&maker, SPAN("test"), fileno(certificates), -1));
    maker_add(&maker, SPAN("crl.pem"), fileno(crls));
    assert_true(maker_write(&maker, table));
    maker_fini(&maker);
    return table;
}

static void take_lists(struct authorities *authorities, const char *name, int table)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    assert_true(authorities_take_lists(authorities, span_of(name), table, &why));
    assert_string_equal(strbuf_text(&why), "");
    assert_int_equal(close(table), 0);
}

static int64_t grace_s; /* of the sections that are added */

/* Adds a section of those certificates up to the first NULL, and needs lists when there are any. */
static void trust_all(struct authorities *authorities, const char *name, X509 *const certificates[],
                      X509_CRL *const crls[])
{
    auto_strbuf struct strbuf why = STRBUF(256);
    FILE *certificate_file = tmpfile();
    FILE *crl_file = tmpfile();
    for (size_t i = 0; certificates[i] != NULL; i++)
        assert_int_equal(PEM_write_X509(certificate_file, certificates[i]), 1);
    for (size_t i = 0; crls[i] != NULL; i++)
        assert_int_equal(PEM_write_X509_CRL(crl_file, crls[i]), 1);
    assert_int_equal(fflush(certificate_file), 0);
    assert_int_equal(fflush(crl_file), 0);
    struct client_ca_request request = request_of(name, fileno(certificate_file));
    request.needs_lists = crls[0] != NULL;
    request.overdue_grace_s = grace_s;
    assert_true(authorities_add(authorities, &request, &why));
    assert_string_equal(strbuf_text(&why), "");
    if (crls[0] != NULL)
        take_lists(authorities, name, make_table(certificate_file, crl_file));
    assert_int_equal(fclose(certificate_file), 0);
    assert_int_equal(fclose(crl_file), 0);
}

/* The same of one certificate and one list, or none. */
static void trust_too(struct authorities *authorities, const char *name, X509 *certificate, X509_CRL *crl)
{
    trust_all(authorities, name, (X509 *const[]){certificate, NULL}, (X509_CRL *const[]){crl, NULL});
}

static struct authorities *trust(X509 *certificate, X509_CRL *crl)
{
    struct authorities *authorities = authorities_new();
    assert_non_null(authorities);
    trust_too(authorities, "one", certificate, crl);
    return authorities;
}

/* Judges alice's certificate that many seconds from now; chain may be NULL. The authorities go. */
static struct client_certificate judge(struct authorities *authorities, X509 *chain, long from_now_s)
{
    auto_strbuf struct strbuf leaf = STRBUF(8192);
    auto_strbuf struct strbuf others = STRBUF(8192);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    made_append_der(client.certificate, &leaf);
    if (chain != NULL)
        made_append_der(chain, &others);
    assert_true(authorities_verify_der(authorities, strbuf_span(&leaf), strbuf_span(&others),
                                       time(NULL) + from_now_s, &verdict, &name));
    assert_string_equal(strbuf_text(&name),
                        verdict.state == CERTIFICATE_VALID ? "alice@example.org" : "");
    assert_int_equal(ERR_peek_error(), 0);
    authorities_free(authorities);
    return verdict;
}

static void test_a_chain_leads_to_the_authority(void **state)
{
    (void)state;
    assert_int_equal(judge(trust(root.certificate, NULL), issuing.certificate, 0).state,
                     CERTIFICATE_VALID);
    assert_int_equal(judge(trust(root.certificate, NULL), NULL, 0).state, CERTIFICATE_ABSENT);
}

static void test_an_intermediate_is_trusted_alone(void **state)
{
    (void)state;
    assert_int_equal(judge(trust(issuing.certificate, NULL), NULL, 0).state, CERTIFICATE_VALID);
}

static void test_a_stranger_is_absent(void **state)
{
    (void)state;
    struct made other = made_certificate(
        &(struct made_request){.name = "Issuing", .is_ca = true, .path_length = -1});
    assert_int_equal(judge(trust(other.certificate, NULL), issuing.certificate, 0).state,
                     CERTIFICATE_ABSENT);
    made_free(&other);
}

static void test_the_clock_is_the_one_given(void **state)
{
    (void)state;
    assert_int_equal(judge(trust(issuing.certificate, NULL), NULL, 86400).refusal,
                     CERTIFICATE_EXPIRED);
    assert_int_equal(judge(trust(issuing.certificate, NULL), NULL, -86400).refusal,
                     CERTIFICATE_NOT_YET_VALID);
}

static void test_lists_are_looked_up(void **state)
{
    (void)state;
    X509_CRL *empty = made_crl(&issuing, NULL, -60, 3600);
    X509_CRL *full = made_crl(&issuing, client.certificate, -60, 3600);
    X509_CRL *foreign = made_crl(&root, NULL, -60, 3600);
    assert_int_equal(judge(trust(issuing.certificate, empty), NULL, 0).state, CERTIFICATE_VALID);
    assert_int_equal(judge(trust(issuing.certificate, full), NULL, 0).refusal, CERTIFICATE_REVOKED);
    assert_int_equal(judge(trust(issuing.certificate, foreign), NULL, 0).refusal, CERTIFICATE_NO_CRL);
    X509_CRL_free(empty);
    X509_CRL_free(full);
    X509_CRL_free(foreign);
}

static void test_a_list_is_wanted_of_whom_one_is_named(void **state)
{
    (void)state;
    struct made other = made_certificate(
        &(struct made_request){.name = "Other", .is_ca = true, .path_length = -1});
    X509_CRL *others = made_crl(&other, NULL, -60, 3600);
    X509_CRL *full = made_crl(&issuing, client.certificate, -60, 3600);
    struct authorities *authorities = trust(issuing.certificate, NULL);
    trust_too(authorities, "two", other.certificate, others);
    assert_int_equal(judge(authorities, NULL, 0).state, CERTIFICATE_VALID);
    authorities = trust(other.certificate, NULL);
    trust_too(authorities, "two", issuing.certificate, others); /* a list, but another's */
    assert_int_equal(judge(authorities, NULL, 0).refusal, CERTIFICATE_NO_CRL);
    authorities = trust(other.certificate, full); /* a list counts in the section that names it */
    trust_too(authorities, "two", issuing.certificate, NULL);
    assert_int_equal(judge(authorities, NULL, 0).state, CERTIFICATE_VALID);
    X509_CRL_free(others);
    X509_CRL_free(full);
    made_free(&other);
}

/* The verdict on alice, of a section that names both levels, with those lists. */
static struct client_certificate judge_levels(X509_CRL *one, X509_CRL *two, X509 *chain)
{
    struct authorities *authorities = authorities_new();
    assert_non_null(authorities);
    trust_all(authorities, "one", (X509 *const[]){issuing.certificate, root.certificate, NULL},
              (X509_CRL *const[]){one, two, NULL});
    return judge(authorities, chain, 0);
}

static void test_every_level_is_looked_at(void **state)
{
    (void)state;
    X509_CRL *below = made_crl(&issuing, NULL, -60, 3600);
    X509_CRL *above = made_crl(&root, NULL, -60, 3600);
    X509_CRL *revoking = made_crl(&root, issuing.certificate, -60, 3600);
    assert_int_equal(judge_levels(below, above, NULL).state, CERTIFICATE_VALID);
    assert_int_equal(judge_levels(below, above, issuing.certificate).state, CERTIFICATE_VALID);
    assert_int_equal(judge_levels(below, NULL, NULL).refusal, CERTIFICATE_NO_CRL);
    assert_int_equal(judge_levels(above, NULL, NULL).refusal, CERTIFICATE_NO_CRL);
    assert_int_equal(judge_levels(below, revoking, NULL).refusal, CERTIFICATE_REVOKED);
    assert_int_equal(judge_levels(below, revoking, issuing.certificate).refusal, CERTIFICATE_REVOKED);
    X509_CRL_free(below);
    X509_CRL_free(above);
    X509_CRL_free(revoking);
}

static void test_an_intermediate_that_only_the_client_shows_has_no_list(void **state)
{
    (void)state;
    X509_CRL *above = made_crl(&root, NULL, -60, 3600);
    assert_int_equal(judge(trust(root.certificate, above), issuing.certificate, 0).refusal,
                     CERTIFICATE_NO_CRL);
    X509_CRL_free(above);
}

static void test_without_its_table_a_section_lets_nobody_in(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(256);
    struct authorities *authorities = authorities_new();
    FILE *file = tmpfile();
    assert_int_equal(PEM_write_X509(file, issuing.certificate), 1);
    assert_int_equal(fflush(file), 0);
    struct client_ca_request request = request_of("one", fileno(file));
    request.needs_lists = true;
    assert_true(authorities_add(authorities, &request, &why));
    assert_int_equal(judge(authorities, NULL, 0).refusal, CERTIFICATE_NO_CRL);
    assert_int_equal(fclose(file), 0);
}

static void test_an_overdue_list_is_taken_for_its_grace(void **state)
{
    (void)state;
    X509_CRL *overdue = made_crl(&issuing, NULL, -7200, -3600);
    assert_int_equal(judge(trust(issuing.certificate, overdue), NULL, 0).refusal, CERTIFICATE_NO_CRL);
    grace_s = 7200;
    assert_int_equal(judge(trust(issuing.certificate, overdue), NULL, 0).state, CERTIFICATE_VALID);
    grace_s = 0;
    X509_CRL_free(overdue);
}

static void test_an_authority_stands_in_one_section(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(256);
    struct authorities *authorities = trust(issuing.certificate, NULL);
    FILE *file = tmpfile();
    assert_int_equal(PEM_write_X509(file, root.certificate), 1);
    assert_int_equal(PEM_write_X509(file, issuing.certificate), 1);
    assert_int_equal(fflush(file), 0);
    struct client_ca_request request = request_of("two", fileno(file));
    assert_false(authorities_add(authorities, &request, &why));
    assert_string_equal(strbuf_text(&why), "client_ca two: an authority of its file stands in client_ca one too; "
                                           "name it once");
    assert_int_equal(fclose(file), 0);
    authorities_free(authorities);
}

/* Alice's mark, as a session makes it. */
static void mark_alice(const struct authorities *authorities, struct certificate_mark *ret_mark)
{
    struct client_certificate verdict = judge(trust(issuing.certificate, NULL), NULL, 0);
    struct issuer issuer;
    assert_true(authorities_identify_issuer(authorities, client.certificate, &issuer));
    assert_true(certificate_mark_read(client.certificate, &verdict, &issuer, ret_mark));
}

static void test_a_mark_is_found_on_the_list(void **state)
{
    (void)state;
    struct certificate_mark mark;
    X509_CRL *full = made_crl(&issuing, client.certificate, -60, 3600);
    X509_CRL *foreign = made_crl(&root, client.certificate, -60, 3600);
    struct authorities *listing = trust(issuing.certificate, full);
    struct authorities *others = trust(root.certificate, foreign); /* the same serial, of another */
    mark_alice(listing, &mark);
    assert_int_equal(authorities_check_mark(listing, &mark, time(NULL)), CERTIFICATE_REVOKED);
    assert_int_equal(authorities_check_mark(others, &mark, time(NULL)), CERTIFICATE_OK);
    assert_int_equal(authorities_check_mark(NULL, &mark, time(NULL)), CERTIFICATE_OK);
    assert_int_equal(authorities_check_mark(NULL, &mark, time(NULL) + 86400), CERTIFICATE_EXPIRED);
    authorities_free(listing);
    authorities_free(others);
    X509_CRL_free(full);
    X509_CRL_free(foreign);
}

static void test_a_mark_falls_with_the_authority_above_it(void **state)
{
    (void)state;
    struct certificate_mark mark;
    X509_CRL *below = made_crl(&issuing, NULL, -60, 3600);
    X509_CRL *revoking = made_crl(&root, issuing.certificate, -60, 3600);
    struct authorities *authorities = authorities_new();
    trust_all(authorities, "one", (X509 *const[]){root.certificate, issuing.certificate, NULL},
              (X509_CRL *const[]){below, revoking, NULL});
    mark_alice(authorities, &mark);
    assert_int_equal(authorities_check_mark(authorities, &mark, time(NULL)), CERTIFICATE_REVOKED);
    authorities_free(authorities);
    X509_CRL_free(below);
    X509_CRL_free(revoking);
}

/* Another authority of the same name: the signature tells whose list counts. */
static void test_a_mark_is_of_who_signed(void **state)
{
    (void)state;
    struct certificate_mark mark;
    struct made namesake = made_certificate(
        &(struct made_request){.name = "Issuing", .is_ca = true, .path_length = -1});
    X509_CRL *theirs = made_crl(&namesake, client.certificate, -60, 3600);
    struct authorities *authorities = trust(issuing.certificate, NULL);
    trust_too(authorities, "two", namesake.certificate, theirs);
    mark_alice(authorities, &mark);
    assert_int_equal(authorities_check_mark(authorities, &mark, time(NULL)), CERTIFICATE_OK);
    authorities_free(authorities);
    X509_CRL_free(theirs);
    made_free(&namesake);
}

static void test_what_is_no_der_is_not_judged(void **state)
{
    (void)state;
    static const uint8_t zeros[AUTHORITIES_CHAIN_OCTETS];
    auto_strbuf struct strbuf der = STRBUF(8192);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    struct authorities *authorities = trust(issuing.certificate, NULL);
    made_append_der(client.certificate, &der);
    struct span leaf = strbuf_span(&der);
    const struct {
        struct span leaf;
        struct span chain;
    } bad[] = {
        {SPAN_NONE, SPAN_NONE},
        {span_first(leaf, leaf.len - 1), SPAN_NONE},
        {span_make(zeros, 64), SPAN_NONE},
        {leaf, span_make(zeros, 1)},
        {leaf, span_first(leaf, leaf.len - 1)},
        {leaf, span_make(zeros, sizeof zeros)}, /* more than the limit in all */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(authorities_verify_der(authorities, bad[i].leaf, bad[i].chain, time(NULL), &verdict,
                                            &name));
    assert_int_equal(name.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
    authorities_free(authorities);
}

static void test_files_that_hold_none_say_so(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(256);
    FILE *empty = tmpfile();
    struct authorities *authorities = trust(issuing.certificate, NULL);
    struct client_ca_request request = request_of("two", fileno(empty));
    assert_false(authorities_add(authorities, &request, &why));
    assert_string_equal(strbuf_text(&why), "client_ca two: its certificate file holds no PEM certificate, or one "
                                           "that is malformed");
    strbuf_reset(&why);
    assert_false(authorities_take_lists(authorities, SPAN("one"), fileno(empty), &why));
    assert_string_equal(strbuf_text(&why), "the table of revoked certificates has no size that one can have");
    strbuf_reset(&why);
    assert_false(authorities_take_lists(authorities, SPAN("three"), fileno(empty), &why));
    assert_string_equal(strbuf_text(&why), "lists of an authority that was not told");
    authorities_free(authorities);
    assert_int_equal(fclose(empty), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_leads_to_the_authority),
        cmocka_unit_test(test_an_intermediate_is_trusted_alone),
        cmocka_unit_test(test_a_stranger_is_absent),
        cmocka_unit_test(test_the_clock_is_the_one_given),
        cmocka_unit_test(test_lists_are_looked_up),
        cmocka_unit_test(test_a_list_is_wanted_of_whom_one_is_named),
        cmocka_unit_test(test_every_level_is_looked_at),
        cmocka_unit_test(test_an_intermediate_that_only_the_client_shows_has_no_list),
        cmocka_unit_test(test_without_its_table_a_section_lets_nobody_in),
        cmocka_unit_test(test_an_overdue_list_is_taken_for_its_grace),
        cmocka_unit_test(test_an_authority_stands_in_one_section),
        cmocka_unit_test(test_a_mark_is_found_on_the_list),
        cmocka_unit_test(test_a_mark_falls_with_the_authority_above_it),
        cmocka_unit_test(test_a_mark_is_of_who_signed),
        cmocka_unit_test(test_what_is_no_der_is_not_judged),
        cmocka_unit_test(test_files_that_hold_none_say_so),
    };
    return cmocka_run_group_tests(tests, make_chain, free_chain);
}
