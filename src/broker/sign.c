/* Signs for gates; see sign.h. Called from gate_link.c. */
#include "broker/sign.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

enum { TLS_RANDOMS = 64, TLS_SPACES = 64, TLS_NAMED_CURVE = 3, TLS_CURVE_HEADER = 4 };

static bool is_certificate_verify(struct span text)
{
    static const char context[] = "TLS 1.3, server CertificateVerify"; /* its NUL belongs to it */
    if (text.len != TLS_SPACES + sizeof context + 32 && text.len != TLS_SPACES + sizeof context + 48)
        return false;
    for (size_t i = 0; i < TLS_SPACES; i++)
        if (text.at[i] != ' ')
            return false;
    return memcmp(text.at + TLS_SPACES, context, sizeof context) == 0;
}

/* Two randoms, a named curve, and a point that fills the rest. */
static bool is_key_exchange(struct span text)
{
    return text.len > TLS_RANDOMS + TLS_CURVE_HEADER && text.at[TLS_RANDOMS] == TLS_NAMED_CURVE &&
           text.len == TLS_RANDOMS + TLS_CURVE_HEADER + (size_t)text.at[TLS_RANDOMS + 3];
}

bool sign_is_of_tls(struct span text)
{
    return is_certificate_verify(text) || is_key_exchange(text);
}

static bool sign_find_digest(uint8_t digest, const EVP_MD **ret_digest)
{
    const EVP_MD *const digests[SIGN_DIGEST_COUNT] = {
        [SIGN_DIGEST_SHA256] = EVP_sha256(),
        [SIGN_DIGEST_SHA384] = EVP_sha384(),
        [SIGN_DIGEST_SHA512] = EVP_sha512(),
    };
    if (digest >= SIGN_DIGEST_COUNT)
        return false;
    *ret_digest = digests[digest];
    return true;
}

static bool sign_set_padding(EVP_PKEY_CTX *context, uint8_t padding)
{
    if (padding != SIGN_PADDING_PSS)
        return true; /* PKCS #1 is RSA's default, and other keys have none */
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
}

bool sign_text(EVP_PKEY *key, const struct message_sign_ask *ask, struct strbuf *ret_signature)
{
    uint8_t made[SIGN_SIGNATURE_MAX];
    size_t len = sizeof made;
    const EVP_MD *digest;
    EVP_PKEY_CTX *parameters = NULL;
    /* Without a digest only Ed25519 signs: RSA and ECDSA would take the octets as a digest of something else. */
    if (!sign_is_of_tls(ask->text) || !sign_find_digest(ask->digest, &digest) ||
        (digest == NULL) != (EVP_PKEY_is_a(key, "ED25519") == 1))
        return false;
    EVP_MD_CTX *signing = EVP_MD_CTX_new();
    bool is_made = signing != NULL && EVP_DigestSignInit(signing, &parameters, digest, NULL, key) == 1 &&
                   sign_set_padding(parameters, ask->padding) &&
                   EVP_DigestSign(signing, made, &len, ask->text.at, ask->text.len) == 1;
    EVP_MD_CTX_free(signing);
    ERR_clear_error();
    if (is_made)
        strbuf_append_span(ret_signature, span_make(made, len));
    return is_made;
}
