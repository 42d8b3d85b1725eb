/*
 * Reads certificate requests; see certificate_request.h. Called by "postern device add --csr", which
 * hands the key to issue.c.
 */
#include "pki/certificate_request.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "pki/private_file.h"

/* --- From octets to a request ------------------------------------------------------------------- */

/* Octets that a BIO may point at: not NULL where there are none. */
static BIO *request_open(struct span octets)
{
    return octets.len == 0 ? NULL : BIO_new_mem_buf(octets.at, (int)octets.len);
}

static X509_REQ *request_from_der(struct span der)
{
    const unsigned char *at = der.at;
    X509_REQ *request = der.len == 0 ? NULL : d2i_X509_REQ(NULL, &at, (long)der.len);
    if (request != NULL && at != der.at + der.len) {
        X509_REQ_free(request);
        request = NULL;
    }
    return request;
}

/* One block of PEM: its octets, which the caller frees, and whether it is a request. False at the end. */
static bool request_next_block(BIO *bio, unsigned char **ret_der, long *ret_len, bool *ret_is_request)
{
    char *label = NULL;
    char *header = NULL;
    if (PEM_read_bio(bio, &label, &header, ret_der, ret_len) != 1)
        return false;
    *ret_is_request = (strcmp(label, PEM_STRING_X509_REQ) == 0 ||
                       strcmp(label, PEM_STRING_X509_REQ_OLD) == 0) &&
                      header[0] == '\0';
    OPENSSL_free(label);
    OPENSSL_free(header);
    return true;
}

/* True when no block follows, not even half of one. */
static bool request_is_at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* What stands beside the request is not skipped: it may be the key, which should have stayed at home. */
static X509_REQ *request_from_pem(struct span pem)
{
    BIO *bio = request_open(pem);
    X509_REQ *request = NULL;
    bool is_request = bio != NULL;
    unsigned count = 0;
    unsigned char *der = NULL;
    long len = 0;
    while (is_request && request_next_block(bio, &der, &len, &is_request)) {
        is_request = is_request && ++count == 1;
        if (is_request)
            request = request_from_der(span_make(der, (size_t)len));
        OPENSSL_clear_free(der, (size_t)len);
    }
    BIO_free(bio);
    if (is_request && request_is_at_end())
        return request;
    X509_REQ_free(request);
    return NULL;
}

/* --- The key ------------------------------------------------------------------------------------ */

static bool key_is_good_rsa(const EVP_PKEY *key)
{
    enum { EXPONENT_BITS_MAX = 64 }; /* what OpenSSL takes for long keys; a longer one is slow */
    int bits = EVP_PKEY_get_bits(key);
    BIGNUM *exponent = NULL;
    bool is_good = bits >= CERTIFICATE_REQUEST_RSA_BITS_MIN && bits <= CERTIFICATE_REQUEST_RSA_BITS_MAX &&
                   EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
                   BN_num_bits(exponent) <= EXPONENT_BITS_MAX;
    BN_free(exponent);
    return is_good;
}

/* By its name: a curve that is spelled out may be any curve, and have a generator of the sender's. */
static bool key_is_good_curve(const EVP_PKEY *key)
{
    static const char *const curves[] = {SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1};
    char name[64];
    size_t len = 0;
    int is_explicit = 1;
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) != 1 ||
        is_explicit != 0 || EVP_PKEY_get_group_name(key, name, sizeof name, &len) != 1)
        return false;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (strcmp(name, curves[i]) == 0)
            return true;
    return false;
}

/* Kind and size first: what is asked after it computes with the key, which the sender chose. */
static bool key_is_good(EVP_PKEY *key)
{
    bool is_good = EVP_PKEY_is_a(key, "ED25519") ||
                   (EVP_PKEY_is_a(key, "RSA") && key_is_good_rsa(key)) ||
                   (EVP_PKEY_is_a(key, "EC") && key_is_good_curve(key));
    if (!is_good)
        return false;
    EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    is_good = check != NULL && EVP_PKEY_public_check(check) == 1;
    EVP_PKEY_CTX_free(check);
    return is_good;
}

/* What is wrong with the request; NULL: nothing. */
static const char *request_fault(X509_REQ *request)
{
    EVP_PKEY *key = request == NULL ? NULL : X509_REQ_get0_pubkey(request);
    if (request == NULL)
        return "this is not one certificate request and nothing else, in PEM or DER";
    if (key == NULL || !key_is_good(key))
        return "its key must be RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519";
    if (X509_REQ_verify(request, key) != 1)
        return "its signature is not by the key that it holds";
    return NULL;
}

EVP_PKEY *certificate_request_key(struct span octets, struct strbuf *ret_error)
{
    bool is_der = octets.len > 0 && octets.at[0] == 0x30; /* a SEQUENCE; PEM may begin with any text */
    X509_REQ *request = NULL;
    if (octets.len <= CERTIFICATE_REQUEST_MAX)
        request = is_der ? request_from_der(octets) : NULL;
    if (request == NULL && octets.len <= CERTIFICATE_REQUEST_MAX)
        request = request_from_pem(octets);
    const char *fault = request_fault(request);
    EVP_PKEY *key = fault == NULL ? X509_REQ_get_pubkey(request) : NULL;
    if (key == NULL)
        strbuf_append(ret_error, fault == NULL ? "memory is out" : fault);
    X509_REQ_free(request);
    ERR_clear_error();
    return key;
}

EVP_PKEY *certificate_request_read(const char *path, struct strbuf *ret_error)
{
    auto_strbuf struct strbuf octets = STRBUF(CERTIFICATE_REQUEST_MAX);
    if (!private_file_read(path, true, &octets, ret_error))
        return NULL;
    auto_strbuf struct strbuf fault = STRBUF(256);
    EVP_PKEY *key = certificate_request_key(strbuf_span(&octets), &fault);
    if (key == NULL)
        strbuf_format(ret_error, "%s: %s", path, strbuf_text(&fault));
    return key;
}
