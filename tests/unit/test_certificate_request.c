/* Tests of pki/certificate_request.h: which requests give a key, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "judge_certificate.h"
#include "pki/authority.h"
#include "pki/certificate_request.h"
#include "pki/package.h"

#define KEY_FAULT       "its key must be"
#define SIGNATURE_FAULT "its signature is not by the key"
#define FORM_FAULT      "not one certificate request and nothing else"
#define PASSPHRASE      SPAN("correct horse battery")

enum { REQUEST_MAX = 2 * CERTIFICATE_REQUEST_MAX };

/* --- Making requests ---------------------------------------------------------------------------- */

static X509_REQ *unsigned_request(EVP_PKEY *key, const char *name)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *subject = X509_NAME_new();
    assert_int_equal(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                                (const unsigned char *)name, -1, -1, 0), 1);
    assert_int_equal(X509_REQ_set_subject_name(request, subject), 1);
    assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
    X509_NAME_free(subject);
    return request;
}

/* Ed25519 takes no digest. */
static void sign_request(X509_REQ *request, EVP_PKEY *key)
{
    assert_true(X509_REQ_sign(request, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
}

static X509_REQ *signed_request(EVP_PKEY *key)
{
    X509_REQ *request = unsigned_request(key, "alice");
    sign_request(request, key);
    return request;
}

static void append_der(const X509_REQ *request, struct strbuf *octets)
{
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(request, &der);
    assert_true(len > 0);
    strbuf_append_span(octets, span_make(der, (size_t)len));
    OPENSSL_free(der);
}

static void append_pem(const X509_REQ *request, const char *label, struct strbuf *octets)
{
    auto_strbuf struct strbuf der = STRBUF(REQUEST_MAX);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    append_der(request, &der);
    assert_true(PEM_write_bio(bio, label, "", (const unsigned char *)der.at, (long)der.len) > 0);
    long len = BIO_get_mem_data(bio, &text);
    strbuf_append_span(octets, span_make(text, (size_t)len));
    BIO_free(bio);
}

static void assert_key(struct span octets, const EVP_PKEY *expected)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    EVP_PKEY *key = certificate_request_key(octets, &error);
    assert_string_equal(strbuf_text(&error), "");
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_eq(key, expected), 1);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
}

static void assert_refused(struct span octets, const char *part)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    assert_null(certificate_request_key(octets, &error));
    if (strstr(strbuf_text(&error), part) == NULL)
        fail_msg("\"%s\" does not mention \"%s\"", strbuf_text(&error), part);
    assert_int_equal(ERR_peek_error(), 0);
}

static void assert_request_refused(const X509_REQ *request, const char *part)
{
    auto_strbuf struct strbuf octets = STRBUF(REQUEST_MAX);
    append_der(request, &octets);
    assert_refused(strbuf_span(&octets), part);
}

static void assert_key_refused(EVP_PKEY *key)
{
    X509_REQ *request = signed_request(key);
    assert_request_refused(request, KEY_FAULT);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

/* --- Which keys --------------------------------------------------------------------------------- */

static void assert_key_taken(EVP_PKEY *key)
{
    auto_strbuf struct strbuf octets = STRBUF(REQUEST_MAX);
    X509_REQ *request = signed_request(key);
    append_der(request, &octets);
    assert_key(strbuf_span(&octets), key);
    strbuf_reset(&octets);
    append_pem(request, PEM_STRING_X509_REQ, &octets);
    assert_key(strbuf_span(&octets), key);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

static void test_keys_that_are_taken(void **state)
{
    (void)state;
    assert_key_taken(EVP_EC_gen("P-256"));
    assert_key_taken(EVP_EC_gen("P-384"));
    assert_key_taken(EVP_EC_gen("P-521"));
    assert_key_taken(EVP_RSA_gen(2048));
    assert_key_taken(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

static void test_keys_that_are_not(void **state)
{
    (void)state;
    assert_key_refused(EVP_RSA_gen(1024));
    assert_key_refused(EVP_RSA_gen(2046));
    assert_key_refused(EVP_EC_gen("P-224"));
    assert_key_refused(EVP_EC_gen("secp256k1"));
}

/* A pair whose parameters are P-256's, but spelled out instead of named. */
static void test_a_curve_that_is_spelled_out(void **state)
{
    (void)state;
    EVP_PKEY *named = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(named, "encoding", "explicit"), 1);
    assert_key_refused(named);
}

/* --- The signature ------------------------------------------------------------------------------ */

static void test_a_signature_by_another_key(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509_REQ *request = unsigned_request(key, "alice");
    sign_request(request, other);
    assert_request_refused(request, SIGNATURE_FAULT);
    X509_REQ_free(request);
    request = unsigned_request(key, "alice");
    assert_int_equal(X509_REQ_set_version(request, 0), 1);
    sign_request(request, key);
    X509_NAME *renamed = X509_NAME_dup(X509_REQ_get_subject_name(request));
    assert_int_equal(X509_NAME_add_entry_by_NID(renamed, NID_organizationName, MBSTRING_UTF8,
                                                (const unsigned char *)"later", -1, -1, 0), 1);
    assert_int_equal(X509_REQ_set_subject_name(request, renamed), 1);
    assert_request_refused(request, SIGNATURE_FAULT); /* what was signed says something else */
    X509_NAME_free(renamed);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* --- The form ----------------------------------------------------------------------------------- */

static void test_pem_in_its_forms(void **state)
{
    (void)state;
    auto_strbuf struct strbuf octets = STRBUF(REQUEST_MAX);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = signed_request(key);
    strbuf_append(&octets, "0 text, as openssl req -text writes it\r\n");
    append_pem(request, PEM_STRING_X509_REQ_OLD, &octets);
    strbuf_append(&octets, "\n\nand text behind it\n");
    assert_key(strbuf_span(&octets), key);
    append_pem(request, PEM_STRING_X509_REQ, &octets); /* a second one */
    assert_refused(strbuf_span(&octets), FORM_FAULT);
    strbuf_reset(&octets);
    append_pem(request, PEM_STRING_X509, &octets);
    assert_refused(strbuf_span(&octets), FORM_FAULT);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

/* Somebody sends the private key along. It is no secret any more, so no certificate is made for it. */
static void test_a_key_beside_the_request(void **state)
{
    (void)state;
    auto_strbuf struct strbuf octets = STRBUF(REQUEST_MAX);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = signed_request(key);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &text);
    append_pem(request, PEM_STRING_X509_REQ, &octets);
    size_t alone = octets.len;
    strbuf_append_span(&octets, span_make(text, (size_t)len));
    assert_refused(strbuf_span(&octets), FORM_FAULT);
    strbuf_truncate(&octets, alone + (size_t)len - 30); /* without its end line */
    assert_refused(strbuf_span(&octets), FORM_FAULT);
    strbuf_truncate(&octets, alone);
    assert_key(strbuf_span(&octets), key);
    BIO_free(bio);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

/* Every beginning of a request is none, and neither is one with an octet behind it. */
static void test_what_is_cut_or_longer(void **state)
{
    (void)state;
    auto_strbuf struct strbuf octets = STRBUF(REQUEST_MAX);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = signed_request(key);
    append_der(request, &octets);
    for (size_t len = 0; len < octets.len; len++)
        assert_refused(span_first(strbuf_span(&octets), len), FORM_FAULT);
    strbuf_append_byte(&octets, 0);
    assert_refused(strbuf_span(&octets), FORM_FAULT);
    assert_refused(SPAN_NONE, FORM_FAULT);
    assert_refused(SPAN("-----BEGIN CERTIFICATE REQUEST-----\n"), FORM_FAULT);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

static void test_what_is_huge(void **state)
{
    (void)state;
    auto_strbuf struct strbuf octets = STRBUF(REQUEST_MAX);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = signed_request(key);
    append_pem(request, PEM_STRING_X509_REQ, &octets);
    while (octets.len < CERTIFICATE_REQUEST_MAX)
        strbuf_append_byte(&octets, '\n');
    assert_key(strbuf_span(&octets), key);
    strbuf_append_byte(&octets, '\n');
    assert_refused(strbuf_span(&octets), FORM_FAULT);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

/* --- From a file to a certificate --------------------------------------------------------------- */

static char scratch[128];

static int make_scratch(void **state)
{
    (void)state;
    const char *temporary = getenv("TMPDIR");
    (void)snprintf(scratch, sizeof scratch, "%s/test_request.XXXXXX",
                   temporary == NULL ? "/tmp" : temporary);
    return mkdtemp(scratch) == NULL ? -1 : 0;
}

static const char *in_scratch(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static int remove_scratch(void **state)
{
    static const char *const names[] = {"request", "cert.pem", "ca/ca.key", "ca/ca.pem"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(in_scratch(names[i]));
    (void)rmdir(in_scratch("ca"));
    return rmdir(scratch);
}

static void write_request(struct span octets)
{
    int fd = open(in_scratch("request"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, octets.at, octets.len), octets.len);
    assert_int_equal(close(fd), 0);
}

static void add_wish(STACK_OF(X509_EXTENSION) *wishes, int nid, const char *value)
{
    X509_EXTENSION *wish = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(wish);
    assert_true(sk_X509_EXTENSION_push(wishes, wish) > 0);
}

/* A request for a certificate of an authority and server in another's name. */
static void write_greedy_request(EVP_PKEY *key)
{
    auto_strbuf struct strbuf octets = STRBUF(REQUEST_MAX);
    STACK_OF(X509_EXTENSION) *wishes = sk_X509_EXTENSION_new_null();
    X509_REQ *request = unsigned_request(key, "root@example.org");
    add_wish(wishes, NID_basic_constraints, "critical,CA:TRUE");
    add_wish(wishes, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_wish(wishes, NID_ext_key_usage, "serverAuth");
    add_wish(wishes, NID_subject_alt_name, "email:root@example.org,DNS:mail.example.org");
    assert_int_equal(X509_REQ_add_extensions(request, wishes), 1);
    sign_request(request, key);
    append_pem(request, PEM_STRING_X509_REQ, &octets);
    write_request(strbuf_span(&octets));
    sk_X509_EXTENSION_pop_free(wishes, X509_EXTENSION_free);
    X509_REQ_free(request);
}

static struct issued *issue_to_request(struct strbuf *error)
{
    const struct authority_request wish = {
        .dir = in_scratch("ca"), .passphrase = PASSPHRASE, .days = 30, .now_s = clock_wall_s()};
    EVP_PKEY *key = certificate_request_read(in_scratch("request"), error);
    assert_true(authority_create(&wish, error));
    struct authority *authority = authority_load(wish.dir, PASSPHRASE, error);
    const struct issue_request request = {
        .login = SPAN("alice@example.org"), .days = 7, .now_s = clock_wall_s(), .key = key};
    struct issued *issued = authority_issue(authority, &request, error);
    authority_free(authority);
    EVP_PKEY_free(key);
    return issued;
}

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_null(PEM_read_PrivateKey(file, NULL, NULL, NULL));
    ERR_clear_error();
    (void)fclose(file);
    assert_non_null(certificate);
    return certificate;
}

static void assert_certificate_is_ours(X509 *certificate, const EVP_PKEY *key)
{
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    char common_name[128];
    judge_certificate(certificate, X509_V_OK, &verdict, &name);
    assert_int_equal(verdict.state, CERTIFICATE_VALID);
    assert_string_equal(strbuf_text(&name), "alice@example.org");
    assert_int_equal(X509_check_ca(certificate), 0);
    assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(certificate), XKU_SSL_CLIENT);
    assert_int_equal(X509_get_ext_count(certificate), 6);
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                          common_name, sizeof common_name) > 0);
    assert_string_equal(common_name, "alice@example.org");
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(certificate)), 1);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), key), 1);
}

static void test_nothing_but_the_key_is_taken(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct stat status;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    write_greedy_request(key);
    struct issued *issued = issue_to_request(&error);
    assert_string_equal(strbuf_text(&error), "");
    assert_non_null(issued);
    assert_true(package_write_certificate(issued, in_scratch("cert.pem"), &error));
    assert_int_equal(stat(in_scratch("cert.pem"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    X509 *certificate = read_certificate(in_scratch("cert.pem"));
    assert_certificate_is_ours(certificate, key);
    assert_false(package_write_certificate(issued, in_scratch("cert.pem"), &error)); /* never over it */
    X509_free(certificate);
    issued_free(issued);
    EVP_PKEY_free(key);
}

static void test_files(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    write_request(SPAN("nothing"));
    assert_null(certificate_request_read(in_scratch("request"), &error));
    assert_non_null(strstr(strbuf_text(&error), "/request: this is not one"));
    strbuf_reset(&error);
    assert_null(certificate_request_read(in_scratch("missing"), &error));
    assert_non_null(strstr(strbuf_text(&error), "No such file"));
    strbuf_reset(&error);
    assert_null(certificate_request_read("/dev/zero", &error));
    assert_non_null(strstr(strbuf_text(&error), "neither a file nor a pipe"));
    strbuf_reset(&error);
    assert_int_equal(truncate(in_scratch("request"), 1 << 30), 0);
    assert_null(certificate_request_read(in_scratch("request"), &error));
    assert_non_null(strstr(strbuf_text(&error), "File too large"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_that_are_taken),
        cmocka_unit_test(test_keys_that_are_not),
        cmocka_unit_test(test_a_curve_that_is_spelled_out),
        cmocka_unit_test(test_a_signature_by_another_key),
        cmocka_unit_test(test_pem_in_its_forms),
        cmocka_unit_test(test_a_key_beside_the_request),
        cmocka_unit_test(test_what_is_cut_or_longer),
        cmocka_unit_test(test_what_is_huge),
        cmocka_unit_test(test_nothing_but_the_key_is_taken),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
