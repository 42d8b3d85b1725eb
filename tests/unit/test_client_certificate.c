/* Tests of pki/client_certificate.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "certificate_maker.h"
#include "judge_certificate.h"

static struct made authority;

static int make_authority(void **state)
{
    (void)state;
    authority = made_certificate(
        &(struct made_request){.name = "Our CA", .is_ca = true, .path_length = -1});
    return 0;
}

static int free_authority(void **state)
{
    (void)state;
    made_free(&authority);
    return 0;
}

/* Verifies as the gate does: our authority is the only trusted one. chain and crl may be NULL. */
static long verify(X509 *certificate, X509 *chain, X509_CRL *crl, bool wants_crl)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *attempt = X509_STORE_CTX_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    assert_int_equal(X509_STORE_add_cert(store, authority.certificate), 1);
    if (chain != NULL)
        assert_int_equal(sk_X509_push(others, chain), 1);
    if (crl != NULL)
        assert_int_equal(X509_STORE_add_crl(store, crl), 1);
    if (wants_crl)
        assert_int_equal(X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK), 1);
    assert_int_equal(X509_STORE_CTX_init(attempt, store, certificate, others), 1);
    assert_int_equal(X509_STORE_CTX_set_default(attempt, "ssl_client"), 1);
    client_certificate_verify_chain(attempt);
    long result = X509_STORE_CTX_get_error(attempt);
    X509_STORE_CTX_free(attempt);
    X509_STORE_free(store);
    sk_X509_free(others);
    assert_int_equal(ERR_peek_error(), 0);
    return result;
}

/* Judges with that verify result; the name, if any, must come with VALID and with nothing else. */
static struct client_certificate judge(X509 *certificate, long result, const char *expected_name)
{
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    judge_certificate(certificate, result, &verdict, &name);
    assert_string_equal(strbuf_text(&name), expected_name);
    assert_int_equal(verdict.state == CERTIFICATE_VALID, name.len > 0);
    assert_int_equal(verdict.state == CERTIFICATE_REFUSED, verdict.refusal != CERTIFICATE_OK);
    return verdict;
}

static void assert_refused(X509 *certificate, long result, enum certificate_refusal refusal)
{
    struct client_certificate verdict = judge(certificate, result, "");
    assert_int_equal(verdict.state, CERTIFICATE_REFUSED);
    assert_int_equal(verdict.refusal, refusal);
}

static void assert_absent(X509 *certificate, long result)
{
    assert_int_equal(judge(certificate, result, "").state, CERTIFICATE_ABSENT);
}

/* A client's certificate of our authority with that SubjectAltName. */
static struct made client_with(struct span names)
{
    return made_certificate(&(struct made_request){.name = "mallory@example.org",
                                                   .issuer = &authority,
                                                   .purposes = "clientAuth",
                                                   .names = names});
}

static void assert_names_refused(struct span names, enum certificate_refusal refusal)
{
    struct made client = client_with(names);
    assert_refused(client.certificate, X509_V_OK, refusal);
    made_free(&client);
}

static void test_a_certificate_of_ours_names_its_user(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made client = client_with(made_mailbox("Alice@example.org", &buf));
    long result = verify(client.certificate, NULL, NULL, false);
    assert_int_equal(result, X509_V_OK);
    struct client_certificate verdict = judge(client.certificate, result, "Alice@example.org");
    assert_int_equal(verdict.state, CERTIFICATE_VALID);
    struct tm utc;
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(client.certificate), &utc), 1);
    assert_int_equal(verdict.not_after_s, timegm(&utc));
    made_free(&client);
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    auto_strbuf struct strbuf names = STRBUF(1024);
    auto_strbuf struct strbuf buf = STRBUF(1024);
    assert_names_refused(SPAN_NONE, CERTIFICATE_NO_NAME); /* the user stands in the CN only */
    assert_names_refused(made_names(&names, &buf), CERTIFICATE_NO_NAME); /* an empty sequence */
    assert_names_refused(made_mailbox("", &buf), CERTIFICATE_NO_NAME);
    made_append_name(&names, 0x82, SPAN("alice@example.org")); /* dNSName */
    made_append_name(&names, 0x86, SPAN("mailto:alice@example.org"));
    assert_names_refused(made_names(&names, &buf), CERTIFICATE_NO_NAME);
}

/* id-on-SmtpUTF8Mailbox (RFC 8398) with the UTF8String eve@example.org. */
#define SMTP_UTF8_MAILBOX                                                                          \
    "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x11\x0c\x0f"                                     \
    "eve@example.org"

static void test_other_kinds_of_names_choose_nothing(void **state)
{
    (void)state;
    auto_strbuf struct strbuf names = STRBUF(1024);
    auto_strbuf struct strbuf buf = STRBUF(1024);
    made_append_name(&names, 0xa0, SPAN(SMTP_UTF8_MAILBOX));
    assert_names_refused(made_names(&names, &buf), CERTIFICATE_NO_NAME);
    made_append_name(&names, 0x82, SPAN("eve.example.org"));
    made_append_name(&names, 0x81, SPAN("alice@example.org"));
    struct made client = client_with(made_names(&names, &buf));
    assert_int_equal(judge(client.certificate, X509_V_OK, "alice@example.org").state,
                     CERTIFICATE_VALID);
    made_free(&client);
}

static void test_several_names(void **state)
{
    (void)state;
    auto_strbuf struct strbuf names = STRBUF(1024);
    auto_strbuf struct strbuf buf = STRBUF(1024);
    made_append_name(&names, 0x81, SPAN("alice@example.org"));
    made_append_name(&names, 0x81, SPAN("eve@example.org"));
    assert_names_refused(made_names(&names, &buf), CERTIFICATE_SEVERAL_NAMES);
    strbuf_reset(&names);
    made_append_name(&names, 0x81, SPAN("alice@example.org"));
    made_append_name(&names, 0x81, SPAN("alice@example.org"));
    assert_names_refused(made_names(&names, &buf), CERTIFICATE_SEVERAL_NAMES);
    strbuf_reset(&names);
    made_append_name(&names, 0x81, SPAN("")); /* an empty one counts, too */
    made_append_name(&names, 0x81, SPAN("alice@example.org"));
    assert_names_refused(made_names(&names, &buf), CERTIFICATE_SEVERAL_NAMES);
}

static void test_a_doubled_extension(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made client =
        made_certificate(&(struct made_request){.name = "alice",
                                                .issuer = &authority,
                                                .purposes = "clientAuth",
                                                .names = made_mailbox("alice@example.org", &buf),
                                                .name_extensions = 2});
    assert_refused(client.certificate, X509_V_OK, CERTIFICATE_SEVERAL_NAMES);
    /* OpenSSL finds no issuer for it, but it is not a stranger's. */
    long result = verify(client.certificate, NULL, NULL, false);
    assert_int_not_equal(result, X509_V_OK);
    assert_refused(client.certificate, result, CERTIFICATE_BAD_CHAIN);
    made_free(&client);
}

static void test_names_with_octets_that_no_mailbox_holds(void **state)
{
    (void)state;
    const struct span bad[] = {
        SPAN("alice@example.org\0"),
        SPAN("alice\0@example.org"),
        SPAN("\0alice@example.org"),
        SPAN("alice@example.org\0.evil.example"),
        SPAN("alice@example.org\n"),
        SPAN("alice @example.org"),
        SPAN(" alice@example.org"),
        SPAN("alic\xc3\xa9@example.org"),           /* UTF-8 */
        SPAN("alic\xe9@example.org"),               /* Latin 1 */
        SPAN("\0a\0l\0i\0c\0e\0@\0e\0x\0.\0o\0r\0g"), /* as a BMPString would be */
        SPAN("alice\x7f@example.org"),
        SPAN("alice"),
        SPAN("@example.org"),
        SPAN("alice@"),
        SPAN("alice@example.org@example.net"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        auto_strbuf struct strbuf names = STRBUF(1024);
        auto_strbuf struct strbuf buf = STRBUF(1024);
        made_append_name(&names, 0x81, bad[i]);
        assert_names_refused(made_names(&names, &buf), CERTIFICATE_BAD_NAME);
    }
}

static void test_name_extensions_that_do_not_decode(void **state)
{
    (void)state;
    auto_strbuf struct strbuf names = STRBUF(1024);
    auto_strbuf struct strbuf buf = STRBUF(1024);
    assert_names_refused(SPAN(""), CERTIFICATE_BAD_NAME);
    assert_names_refused(SPAN("\x16\x11" "alice@example.org"), CERTIFICATE_BAD_NAME);
    assert_names_refused(SPAN("\x30\x7f\x81\x05" "a@b.c"), CERTIFICATE_BAD_NAME);
    made_append_name(&names, 0x0c, SPAN("alice@example.org")); /* a UTF8String is no GeneralName */
    assert_names_refused(made_names(&names, &buf), CERTIFICATE_BAD_NAME);
}

static void test_long_and_many_names(void **state)
{
    (void)state;
    static char mailbox[CERTIFICATE_NAME_MAX + 2];
    auto_strbuf struct strbuf buf = STRBUF(1 << 20);
    auto_strbuf struct strbuf names = STRBUF(1 << 20);
    memset(mailbox, 'x', CERTIFICATE_NAME_MAX + 1);
    mailbox[64] = '@';
    assert_names_refused(made_mailbox(mailbox, &buf), CERTIFICATE_BAD_NAME);
    mailbox[CERTIFICATE_NAME_MAX] = '\0';
    struct made client = client_with(made_mailbox(mailbox, &buf));
    assert_int_equal(judge(client.certificate, X509_V_OK, mailbox).state, CERTIFICATE_VALID);
    made_free(&client);
    for (int i = 0; i < 20000; i++)
        made_append_name(&names, 0x82, SPAN("host.example.org"));
    made_append_name(&names, 0x81, SPAN("alice@example.org"));
    client = client_with(made_names(&names, &buf));
    assert_int_equal(judge(client.certificate, X509_V_OK, "alice@example.org").state,
                     CERTIFICATE_VALID);
    made_free(&client);
}

static void test_a_full_buffer_names_nobody(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    auto_strbuf struct strbuf small = STRBUF(4);
    struct made client = client_with(made_mailbox("alice@example.org", &buf));
    struct client_certificate verdict;
    judge_certificate(client.certificate, X509_V_OK, &verdict, &small);
    assert_int_equal(verdict.state, CERTIFICATE_REFUSED);
    assert_int_equal(small.len, 0);
    made_free(&client);
}

/* Makes a client's certificate from request, verifies and judges it. */
static struct client_certificate judge_request(struct made_request request, const char *name)
{
    auto_strbuf struct strbuf buf = STRBUF(1024);
    request.name = "alice";
    request.issuer = &authority;
    request.names = made_mailbox("alice@example.org", &buf);
    struct made client = made_certificate(&request);
    struct client_certificate verdict =
        judge(client.certificate, verify(client.certificate, NULL, NULL, false), name);
    made_free(&client);
    return verdict;
}

static void test_times_and_purposes(void **state)
{
    (void)state;
    struct made_request expired = {.purposes = "clientAuth", .begins_s = -7200, .ends_s = -60};
    struct made_request future = {.purposes = "clientAuth", .begins_s = 600, .ends_s = 7200};
    struct made_request server = {.purposes = "serverAuth"};
    struct made_request any = {.purposes = "anyExtendedKeyUsage"};
    struct made_request both = {.purposes = "serverAuth,clientAuth"};
    assert_int_equal(judge_request(expired, "").refusal, CERTIFICATE_EXPIRED);
    assert_int_equal(judge_request(future, "").refusal, CERTIFICATE_NOT_YET_VALID);
    assert_int_equal(judge_request(server, "").refusal, CERTIFICATE_WRONG_PURPOSE);
    assert_int_equal(judge_request(any, "").refusal, CERTIFICATE_WRONG_PURPOSE);
    assert_int_equal(judge_request(both, "alice@example.org").state, CERTIFICATE_VALID);
    assert_int_equal(judge_request((struct made_request){.purposes = NULL}, "").refusal,
                     CERTIFICATE_WRONG_PURPOSE);
}

static void test_the_purpose_is_judged_whatever_verification_said(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made server =
        made_certificate(&(struct made_request){.name = "alice",
                                                .issuer = &authority,
                                                .purposes = "serverAuth",
                                                .names = made_mailbox("alice@example.org", &buf)});
    assert_refused(server.certificate, X509_V_OK, CERTIFICATE_WRONG_PURPOSE);
    made_free(&server);
}

static void test_revocation_lists(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made client = client_with(made_mailbox("alice@example.org", &buf));
    struct made other = client_with(made_mailbox("bob@example.org", &buf));
    struct made stranger = made_certificate(
        &(struct made_request){.name = "Our CA", .is_ca = true, .path_length = -1});
    struct {
        X509_CRL *crl;
        enum certificate_refusal refusal;
    } cases[] = {
        {made_crl(&authority, client.certificate, -60, 3600), CERTIFICATE_REVOKED},
        {NULL, CERTIFICATE_NO_CRL},
        {made_crl(&authority, NULL, -7200, -60), CERTIFICATE_NO_CRL},
        {made_crl(&authority, NULL, 600, 3600), CERTIFICATE_NO_CRL},
        {made_crl(&stranger, NULL, -60, 3600), CERTIFICATE_NO_CRL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refused(client.certificate, verify(client.certificate, NULL, cases[i].crl, true),
                       cases[i].refusal);
        X509_CRL_free(cases[i].crl);
    }
    X509_CRL *crl = made_crl(&authority, client.certificate, -60, 3600);
    assert_int_equal(verify(other.certificate, NULL, crl, true), X509_V_OK);
    X509_CRL_free(crl);
    made_free(&client);
    made_free(&other);
    made_free(&stranger);
}

static void test_strangers_are_absent(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made_request request = {.name = "alice",
                                   .purposes = "clientAuth",
                                   .names = made_mailbox("alice@example.org", &buf)};
    struct made alone = made_certificate(&request);
    request.ends_s = -60;
    request.begins_s = -7200;
    struct made alone_and_expired = made_certificate(&request);
    struct made stranger = made_certificate(
        &(struct made_request){.name = "Other CA", .is_ca = true, .path_length = -1});
    request.issuer = &stranger;
    struct made client = made_certificate(&request);
    assert_absent(alone.certificate, verify(alone.certificate, NULL, NULL, false));
    assert_absent(alone_and_expired.certificate,
                  verify(alone_and_expired.certificate, NULL, NULL, true));
    assert_absent(client.certificate, verify(client.certificate, NULL, NULL, true));
    assert_absent(client.certificate,
                  verify(client.certificate, stranger.certificate, NULL, true));
    made_free(&alone);
    made_free(&alone_and_expired);
    made_free(&client);
    made_free(&stranger);
}

/*
 * The issuer's NAME is ours, the signature another's. What key the forgery names decides whether it
 * counts as ours and bad or as a stranger's; a login it never is.
 */
static void test_forgeries_in_our_name(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made forger = made_certificate(
        &(struct made_request){.name = "Our CA", .is_ca = true, .path_length = -1});
    struct made_request request = {.name = "alice",
                                   .issuer = &forger,
                                   .purposes = "clientAuth",
                                   .names = made_mailbox("alice@example.org", &buf)};
    static const struct {
        enum made_key_id key_id;
        enum certificate_state state;
    } forgeries[] = {{MADE_KEY_ID_OF_ISSUER, CERTIFICATE_ABSENT},
                     {MADE_KEY_ID_OF_ANOTHER, CERTIFICATE_ABSENT},
                     {MADE_KEY_ID_ABSENT, CERTIFICATE_REFUSED}};
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        request.key_id = forgeries[i].key_id;
        struct made forged = made_certificate(&request);
        X509 *chains[] = {NULL, forger.certificate};
        for (size_t chain = 0; chain < 2; chain++) {
            long result = verify(forged.certificate, chains[chain], NULL, false);
            struct client_certificate verdict = judge(forged.certificate, result, "");
            assert_int_equal(verdict.state, forgeries[i].state);
            if (verdict.state == CERTIFICATE_REFUSED)
                assert_int_equal(verdict.refusal, CERTIFICATE_BAD_CHAIN);
        }
        made_free(&forged);
    }
    made_free(&forger);
}

static void test_a_forgery_that_names_our_key(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made forger = {EVP_EC_gen("P-256"), authority.certificate};
    struct made forged =
        made_certificate(&(struct made_request){.name = "alice",
                                                .issuer = &forger,
                                                .purposes = "clientAuth",
                                                .names = made_mailbox("alice@example.org", &buf)});
    assert_refused(forged.certificate, verify(forged.certificate, NULL, NULL, false),
                   CERTIFICATE_BAD_CHAIN);
    made_free(&forged);
    EVP_PKEY_free(forger.key);
}

static void test_a_client_is_no_authority(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made mallory = client_with(made_mailbox("mallory@example.org", &buf));
    struct made forged =
        made_certificate(&(struct made_request){.name = "alice",
                                                .issuer = &mallory,
                                                .purposes = "clientAuth",
                                                .names = made_mailbox("alice@example.org", &buf)});
    assert_refused(forged.certificate,
                   verify(forged.certificate, mallory.certificate, NULL, false),
                   CERTIFICATE_BAD_CHAIN);
    assert_absent(forged.certificate, verify(forged.certificate, NULL, NULL, false));
    made_free(&forged);
    made_free(&mallory);
}

static void test_unknown_verify_results_are_refused(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made client = client_with(made_mailbox("alice@example.org", &buf));
    unsigned absent = 0;
    unsigned valid = 0;
    for (long result = -1; result < 200; result++) {
        struct client_certificate verdict =
            judge(client.certificate, result, result == X509_V_OK ? "alice@example.org" : "");
        absent += verdict.state == CERTIFICATE_ABSENT;
        valid += verdict.state == CERTIFICATE_VALID;
        assert_true(strlen(certificate_refusal_text(verdict.refusal)) > 0);
    }
    assert_int_equal(absent, 5);
    assert_int_equal(valid, 1);
    made_free(&client);
}

/* Replaces the signature (r, s) by (r, n - s), which verifies as well. */
static X509 *with_other_signature(const X509 *certificate)
{
    X509 *copy = X509_dup(certificate);
    const ASN1_BIT_STRING *bits;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    X509_get0_signature(&bits, NULL, copy);
    const unsigned char *at = bits->data;
    ECDSA_SIG *old = d2i_ECDSA_SIG(NULL, &at, bits->length);
    ECDSA_SIG *new = ECDSA_SIG_new();
    BIGNUM *s = BN_new();
    assert_int_equal(BN_sub(s, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(old)), 1);
    assert_int_equal(ECDSA_SIG_set0(new, BN_dup(ECDSA_SIG_get0_r(old)), s), 1);
    unsigned char *der = NULL;
    int len = i2d_ECDSA_SIG(new, &der);
    assert_true(len > 0);
    union {
        const ASN1_BIT_STRING *read;
        ASN1_BIT_STRING *write;
    } signature = {bits};
    assert_int_equal(ASN1_STRING_set(signature.write, der, len), 1);
    OPENSSL_free(der);
    ECDSA_SIG_free(old);
    ECDSA_SIG_free(new);
    EC_GROUP_free(group);
    return copy;
}

static void test_the_holder_cannot_change_the_fingerprint(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    auto_strbuf struct strbuf der = STRBUF(8192);
    auto_strbuf struct strbuf twin_der = STRBUF(8192);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct made client = client_with(made_mailbox("alice@example.org", &buf));
    X509 *twin = with_other_signature(client.certificate);
    struct client_certificate verdict = judge(client.certificate, X509_V_OK, "alice@example.org");
    struct client_certificate read;
    made_append_der(client.certificate, &der);
    made_append_der(twin, &twin_der);
    assert_false(span_equal(strbuf_span(&der), strbuf_span(&twin_der)));
    X509 *decoded = decode_certificate(strbuf_span(&twin_der));
    judge_certificate(decoded, X509_V_OK, &read, &name);
    X509_free(decoded);
    assert_memory_equal(read.fingerprint, verdict.fingerprint, CERTIFICATE_FINGERPRINT_SIZE);
    const unsigned char *at = (const unsigned char *)twin_der.at;
    X509 *presented = d2i_X509(NULL, &at, (long)twin_der.len);
    assert_int_equal(verify(presented, NULL, NULL, false), X509_V_OK); /* the reason for all this */
    X509_free(presented);
    X509_free(twin);
    made_free(&client);
}

static void test_fingerprints_differ(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1024);
    struct made one = client_with(made_mailbox("alice@example.org", &buf));
    struct made two = client_with(made_mailbox("alice@example.org", &buf));
    uint8_t first[CERTIFICATE_FINGERPRINT_SIZE];
    uint8_t second[CERTIFICATE_FINGERPRINT_SIZE];
    assert_true(certificate_fingerprint(one.certificate, first));
    assert_true(certificate_fingerprint(two.certificate, second));
    assert_memory_not_equal(first, second, sizeof first);
    made_free(&one);
    made_free(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_certificate_of_ours_names_its_user),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_other_kinds_of_names_choose_nothing),
        cmocka_unit_test(test_several_names),
        cmocka_unit_test(test_a_doubled_extension),
        cmocka_unit_test(test_names_with_octets_that_no_mailbox_holds),
        cmocka_unit_test(test_name_extensions_that_do_not_decode),
        cmocka_unit_test(test_long_and_many_names),
        cmocka_unit_test(test_a_full_buffer_names_nobody),
        cmocka_unit_test(test_times_and_purposes),
        cmocka_unit_test(test_the_purpose_is_judged_whatever_verification_said),
        cmocka_unit_test(test_revocation_lists),
        cmocka_unit_test(test_strangers_are_absent),
        cmocka_unit_test(test_forgeries_in_our_name),
        cmocka_unit_test(test_a_forgery_that_names_our_key),
        cmocka_unit_test(test_a_client_is_no_authority),
        cmocka_unit_test(test_unknown_verify_results_are_refused),
        cmocka_unit_test(test_the_holder_cannot_change_the_fingerprint),
        cmocka_unit_test(test_fingerprints_differ),
    };
    return cmocka_run_group_tests(tests, make_authority, free_authority);
}
