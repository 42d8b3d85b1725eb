/* From an empty certificate to a signed one; see signing.h. */
#include "pki/signing.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

int64_t signing_not_after_s(int64_t now_s, unsigned days)
{
    return now_s + (int64_t)days * SIGNING_DAY_S;
}

bool signing_say_failure(struct strbuf *ret_error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    strbuf_format(ret_error, "%s: %s", what, reason == NULL ? "OpenSSL gives no reason" : reason);
    ERR_clear_error();
    return false;
}

bool signing_take_text(BIO *bio, bool is_written, struct strbuf *buf)
{
    char *text = NULL;
    long len = is_written ? BIO_get_mem_data(bio, &text) : 0;
    if (len > 0)
        strbuf_append_span(buf, span_make(text, (size_t)len));
    BIO_free(bio);
    return len > 0 && !strbuf_failed(buf);
}

/* 126 random bits in 16 octets: the first bits are 01, so that the number is positive and full. */
static bool signing_set_serial(X509 *certificate)
{
    unsigned char octets[SIGNING_SERIAL_SIZE];
    if (RAND_bytes(octets, sizeof octets) != 1)
        return false;
    octets[0] = (unsigned char)((octets[0] & 0x3f) | 0x40);
    BIGNUM *number = BN_bin2bn(octets, sizeof octets, NULL);
    bool is_set =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return is_set;
}

static bool signing_set_names(X509 *certificate, const struct signing_request *request)
{
    X509_NAME *subject = X509_NAME_new();
    bool is_set =
        subject != NULL &&
        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, request->common_name.at,
                                   (int)request->common_name.len, -1, 0) == 1 &&
        X509_set_subject_name(certificate, subject) == 1 &&
        X509_set_issuer_name(certificate, request->issuer == NULL
                                              ? subject
                                              : X509_get_subject_name(request->issuer)) == 1;
    X509_NAME_free(subject);
    return is_set;
}

static bool signing_set_times(X509 *certificate, const struct signing_request *request)
{
    int64_t ends_s = signing_not_after_s(request->now_s, request->days);
    return ASN1_TIME_set(X509_getm_notBefore(certificate), request->now_s - SIGNING_BACKDATE_S) !=
               NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), ends_s) != NULL;
}

X509 *signing_begin(const struct signing_request *request)
{
    X509 *certificate = X509_new();
    if (certificate == NULL)
        return NULL;
    if (X509_set_version(certificate, X509_VERSION_3) != 1 || !signing_set_serial(certificate) ||
        !signing_set_names(certificate, request) || !signing_set_times(certificate, request) ||
        X509_set_pubkey(certificate, request->key) != 1) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

bool signing_add_extension(X509 *certificate, X509 *issuer, int nid, const char *text)
{
    X509V3_CTX conf;
    X509V3_set_ctx(&conf, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &conf, nid, text);
    bool is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

bool signing_finish(X509 *certificate, EVP_PKEY *key)
{
    return X509_sign(certificate, key, EVP_sha256()) > 0;
}
