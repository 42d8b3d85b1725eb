/*
 * Judges the certificate that a client showed; see client_certificate.h. Called from authorities.c, which
 * goes on to the user's name.
 *
 * A forged certificate that names our authority as its issuer: where it names the authority's key
 * as well, or no key, OpenSSL finds the issuer and its signature fails: REFUSED (BAD_CHAIN). Where
 * it names another key (authority key identifier), it has an issuer that we don't know: ABSENT,
 * which opens nothing and appends no name.
 */
#include "pki/client_certificate.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/span.h"

/* --- The chain ------------------------------------------------------------------------------ */

static const struct {
    long result;
    enum certificate_state state;
    enum certificate_refusal refusal;
} certificate_verdicts[] = {
    {X509_V_OK, CERTIFICATE_VALID, CERTIFICATE_OK},
    /* No way to an authority of ours. */
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, CERTIFICATE_ABSENT, CERTIFICATE_OK},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, CERTIFICATE_ABSENT, CERTIFICATE_OK},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, CERTIFICATE_ABSENT, CERTIFICATE_OK},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, CERTIFICATE_ABSENT, CERTIFICATE_OK},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, CERTIFICATE_ABSENT, CERTIFICATE_OK},
    {X509_V_ERR_CERT_HAS_EXPIRED, CERTIFICATE_REFUSED, CERTIFICATE_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, CERTIFICATE_REFUSED, CERTIFICATE_NOT_YET_VALID},
    {X509_V_ERR_CERT_REVOKED, CERTIFICATE_REFUSED, CERTIFICATE_REVOKED},
    {X509_V_ERR_INVALID_PURPOSE, CERTIFICATE_REFUSED, CERTIFICATE_WRONG_PURPOSE},
    {X509_V_ERR_UNABLE_TO_GET_CRL, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_CRL_NOT_YET_VALID, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_CRL_HAS_EXPIRED, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_DIFFERENT_CRL_SCOPE, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
    {X509_V_ERR_CRL_PATH_VALIDATION_ERROR, CERTIFICATE_REFUSED, CERTIFICATE_NO_CRL},
};

static void certificate_refuse(struct client_certificate *verdict, enum certificate_refusal refusal)
{
    verdict->state = CERTIFICATE_REFUSED;
    verdict->refusal = refusal;
}

/*
 * What is not in the table is refused: an error that nobody thought of opens nothing. A certificate
 * with extensions that can't be read, or one of them doubled, has no issuer for OpenSSL, whoever
 * signed it; it is refused, because it may be ours.
 */
static void certificate_judge_chain(X509 *certificate, long verify_result,
                                    struct client_certificate *verdict)
{
    certificate_refuse(verdict, CERTIFICATE_BAD_CHAIN);
    for (size_t i = 0; i < sizeof certificate_verdicts / sizeof certificate_verdicts[0]; i++) {
        if (certificate_verdicts[i].result == verify_result) {
            verdict->state = certificate_verdicts[i].state;
            verdict->refusal = certificate_verdicts[i].refusal;
        }
    }
    if (verdict->state == CERTIFICATE_ABSENT && X509_check_purpose(certificate, -1, 0) != 1)
        certificate_refuse(verdict, CERTIFICATE_BAD_CHAIN);
}

void client_certificate_verify_chain(X509_STORE_CTX *attempt)
{
    (void)ERR_set_mark();
    if (X509_verify_cert(attempt) != 1 && X509_STORE_CTX_get_error(attempt) == X509_V_OK)
        X509_STORE_CTX_set_error(attempt, X509_V_ERR_UNSPECIFIED); /* it could not even begin */
    (void)ERR_pop_to_mark();
}

/* --- The certificate ------------------------------------------------------------------------ */

/* The extent of the element at the front of der, head included; false when there is none. */
static bool certificate_measure(struct span der, bool inside, struct span *ret_element)
{
    const unsigned char *at = der.at;
    long len = 0;
    int tag = 0;
    int class = 0;
    int flags = ASN1_get_object(&at, &len, &tag, &class, (long)der.len);
    if (flags & 0x80 || tag != V_ASN1_SEQUENCE || len < 0)
        return false;
    size_t head = (size_t)(at - der.at);
    *ret_element = inside ? span_make(at, (size_t)len) : span_make(der.at, head + (size_t)len);
    return true;
}

/*
 * Hashes the octets that were signed. OpenSSL keeps them as they came and i2d_X509() copies them,
 * so the only way to another fingerprint is another signed part.
 */
bool certificate_fingerprint(X509 *certificate,
                             uint8_t ret_fingerprint[CERTIFICATE_FINGERPRINT_SIZE])
{
    unsigned char *der = NULL;
    struct span whole;
    int len = i2d_X509(certificate, &der);
    if (len <= 0)
        return false;
    whole = span_make(der, (size_t)len);
    bool is_done = certificate_measure(whole, true, &whole) &&
                   certificate_measure(whole, false, &whole) &&
                   EVP_Digest(whole.at, whole.len, ret_fingerprint, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return is_done;
}

/*
 * True when the certificate lists TLS client among its purposes (RFC 5280 section 4.2.1.12). One that
 * lists none may be for anything, so OpenSSL lets it pass; an authority that signs mail servers, code
 * and documents as well would give mailboxes away with them.
 */
static bool certificate_is_for_clients(const X509 *certificate)
{
    EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    bool is_listed = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++)
        is_listed = is_listed || OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i)) == NID_client_auth;
    EXTENDED_KEY_USAGE_free(usage);
    return is_listed;
}

static bool certificate_read_not_after(const X509 *certificate, int64_t *ret_not_after_s)
{
    struct tm utc;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) != 1)
        return false;
    *ret_not_after_s = timegm(&utc);
    return true;
}

/* Fills in the verdict of a certificate that was shown. */
static void certificate_judge(X509 *certificate, long verify_result,
                              struct client_certificate *verdict)
{
    certificate_judge_chain(certificate, verify_result, verdict);
    if (!certificate_fingerprint(certificate, verdict->fingerprint)) {
        certificate_refuse(verdict, CERTIFICATE_BAD_CHAIN);
        return;
    }
    if (verdict->state != CERTIFICATE_VALID)
        return;
    if (!certificate_is_for_clients(certificate))
        certificate_refuse(verdict, CERTIFICATE_WRONG_PURPOSE);
    else if (!certificate_read_not_after(certificate, &verdict->not_after_s))
        certificate_refuse(verdict, CERTIFICATE_BAD_CHAIN);
}

void client_certificate_judge(X509 *certificate, long verify_result,
                              struct client_certificate *ret_certificate)
{
    *ret_certificate = (struct client_certificate){.state = CERTIFICATE_ABSENT};
    (void)ERR_set_mark(); /* what does not decode here is no error of the connection's TLS */
    certificate_judge(certificate, verify_result, ret_certificate);
    (void)ERR_pop_to_mark();
}
