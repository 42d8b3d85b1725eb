/* Tests of broker/sign.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/cleanup.h"
#include "broker/sign.h"

static const char server_context[] = "TLS 1.3, server CertificateVerify";

/* What a TLS 1.3 server with this context signs, its transcript hash of so many octets. */
static size_t certificate_verify(uint8_t *text, const char *context, size_t hash_len)
{
    size_t context_size = strlen(context) + 1;
    memset(text, ' ', 64);
    memcpy(text + 64, context, context_size);
    memset(text + 64 + context_size, 0xAA, hash_len);
    return 64 + context_size + hash_len;
}

/* The signed part of a TLS 1.2 ServerKeyExchange with a point of so many octets on a named curve. */
static size_t key_exchange(uint8_t *text, size_t point_len)
{
    memset(text, 0x55, 64);
    memcpy(text + 64, "\x03\x00\x1d", 3);
    text[67] = (uint8_t)point_len;
    memset(text + 68, 0x77, point_len);
    return 68 + point_len;
}

static void test_what_a_server_signs(void **unused)
{
    uint8_t text[512];
    (void)unused;
    assert_true(sign_is_of_tls(span_make(text, certificate_verify(text, server_context, 32))));
    assert_true(sign_is_of_tls(span_make(text, certificate_verify(text, server_context, 48))));
    assert_true(sign_is_of_tls(span_make(text, key_exchange(text, 32))));
    assert_true(sign_is_of_tls(span_make(text, key_exchange(text, 133))));
}

static void test_other_texts_are_not_signed(void **unused)
{
    uint8_t text[512];
    (void)unused;
    assert_false(sign_is_of_tls(SPAN_NONE));
    assert_false(sign_is_of_tls(SPAN("a certificate, a mail, whatever a thief would like to have signed")));
    size_t len = certificate_verify(text, "TLS 1.3, client CertificateVerify", 32);
    assert_false(sign_is_of_tls(span_make(text, len)));
    assert_false(sign_is_of_tls(span_make(text, certificate_verify(text, server_context, 33))));
    assert_false(sign_is_of_tls(span_make(text, certificate_verify(text, server_context, 64))));
    len = certificate_verify(text, server_context, 32);
    for (size_t at = 0; at < len - 32; at++) {
        text[at] ^= 1;
        assert_false(sign_is_of_tls(span_make(text, len)));
        text[at] ^= 1;
    }
    len = key_exchange(text, 32);
    assert_false(sign_is_of_tls(span_make(text, len - 1)));
    assert_false(sign_is_of_tls(span_make(text, len + 1)));
    assert_false(sign_is_of_tls(span_make(text, 68)));
    text[64] = 1; /* curve parameters of the server's own */
    assert_false(sign_is_of_tls(span_make(text, len)));
}

static bool verifies(EVP_PKEY *key, const EVP_MD *digest, bool is_pss, struct span text, struct span signature)
{
    EVP_PKEY_CTX *parameters;
    EVP_MD_CTX *verifying = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(verifying, &parameters, digest, NULL, key), 1);
    if (is_pss) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) > 0);
    }
    bool is_good = EVP_DigestVerify(verifying, signature.at, signature.len, text.at, text.len) == 1;
    EVP_MD_CTX_free(verifying);
    return is_good;
}

static void test_signatures_verify(void **unused)
{
    uint8_t text[512];
    struct span whole = span_make(text, certificate_verify(text, server_context, 32));
    const struct {
        EVP_PKEY *key;
        uint8_t digest;
        const EVP_MD *verified_by;
        uint8_t padding;
    } kinds[] = {
        {EVP_EC_gen("P-256"), SIGN_DIGEST_SHA256, EVP_sha256(), SIGN_PADDING_NONE},
        {EVP_EC_gen("P-384"), SIGN_DIGEST_SHA384, EVP_sha384(), SIGN_PADDING_NONE},
        {EVP_RSA_gen(2048), SIGN_DIGEST_SHA512, EVP_sha512(), SIGN_PADDING_PSS},
        {EVP_RSA_gen(2048), SIGN_DIGEST_SHA256, EVP_sha256(), SIGN_PADDING_PKCS1},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), SIGN_DIGEST_NONE, NULL, SIGN_PADDING_NONE},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        auto_strbuf struct strbuf signature = STRBUF(SIGN_SIGNATURE_MAX);
        struct message_sign_ask ask = {
            .digest = kinds[i].digest, .padding = kinds[i].padding, .text = whole};
        assert_true(sign_text(kinds[i].key, &ask, &signature));
        assert_true(verifies(kinds[i].key, kinds[i].verified_by, kinds[i].padding == SIGN_PADDING_PSS, whole,
                             strbuf_span(&signature)));
        EVP_PKEY_free(kinds[i].key);
    }
}

/* RSA and ECDSA without a digest would sign a digest of the gate's choice. */
static void test_what_a_gate_may_not_ask(void **unused)
{
    uint8_t text[512];
    auto_strbuf struct strbuf signature = STRBUF(SIGN_SIGNATURE_MAX);
    struct span whole = span_make(text, certificate_verify(text, server_context, 32));
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct message_sign_ask ask = {.digest = SIGN_DIGEST_NONE, .text = whole};
    (void)unused;
    assert_false(sign_text(ec, &ask, &signature));
    ask.digest = SIGN_DIGEST_COUNT;
    assert_false(sign_text(ec, &ask, &signature));
    ask.digest = 255;
    assert_false(sign_text(ec, &ask, &signature));
    ask.digest = SIGN_DIGEST_SHA256;
    assert_false(sign_text(ed25519, &ask, &signature));
    ask.padding = SIGN_PADDING_PSS;
    assert_false(sign_text(ec, &ask, &signature));
    ask = (struct message_sign_ask){.digest = SIGN_DIGEST_SHA256, .text = span_make(text, 32)};
    assert_false(sign_text(ec, &ask, &signature));
    assert_int_equal(signature.len, 0);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed25519);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_server_signs),
        cmocka_unit_test(test_other_texts_are_not_signed),
        cmocka_unit_test(test_signatures_verify),
        cmocka_unit_test(test_what_a_gate_may_not_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
