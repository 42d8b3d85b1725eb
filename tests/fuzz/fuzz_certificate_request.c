/*
 * A certificate request, in PEM or DER. Claims: a key comes without a sentence and none with one; it is
 * of a kind and size that we name; the same request in DER gives the same key; OpenSSL's queue of errors
 * stays empty.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "fuzz.h"
#include "pki/certificate_request.h"

static void check_kind(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA"))
        invariant(bits >= 2048 && bits <= 8192);
    else if (EVP_PKEY_is_a(key, "EC"))
        invariant(bits == 256 || bits == 384 || bits == 521);
    else
        invariant(EVP_PKEY_is_a(key, "ED25519"));
}

static void check_as_der(struct span pem, const EVP_PKEY *key)
{
    auto_strbuf struct strbuf error = STRBUF(512);
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (request == NULL) /* it was DER already */
        return;
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(request, &der);
    EVP_PKEY *same = certificate_request_key(span_make(der, (size_t)len), &error);
    invariant(same != NULL && EVP_PKEY_eq(same, key) == 1);
    EVP_PKEY_free(same);
    OPENSSL_free(der);
    X509_REQ_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    auto_strbuf struct strbuf error = STRBUF(512);
    EVP_PKEY *key = certificate_request_key(span_make(octets, len), &error);
    invariant(ERR_peek_error() == 0 && !strbuf_failed(&error));
    invariant((key == NULL) == (error.len > 0));
    if (key == NULL)
        return 0;
    check_kind(key);
    check_as_der(span_make(octets, len), key);
    EVP_PKEY_free(key);
    return 0;
}
