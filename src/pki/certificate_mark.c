/* Looks again at certificates whose sessions live; see certificate_mark.h. */
#include "pki/certificate_mark.h"

#include <openssl/err.h>
#include <string.h>

static bool certificate_hash_issuer(const X509_NAME *issuer, uint8_t ret_hash[CERTIFICATE_ISSUER_HASH_SIZE])
{
    return X509_NAME_digest(issuer, EVP_sha256(), ret_hash, NULL) == 1;
}

bool certificate_mark_read(X509 *certificate, const struct client_certificate *read,
                           struct certificate_mark *ret_mark)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    struct certificate_mark mark = {.not_after_s = read->not_after_s};
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    int size = number == NULL ? -1 : BN_num_bytes(number);
    bool is_whole = size >= 0 && size <= CERTIFICATE_SERIAL_MAX && !BN_is_negative(number) &&
                    certificate_hash_issuer(X509_get_issuer_name(certificate), mark.issuer_hash);
    if (is_whole) {
        mark.serial_size = (uint8_t)BN_bn2bin(number, mark.serial);
        memcpy(mark.fingerprint, read->fingerprint, sizeof mark.fingerprint);
        *ret_mark = mark;
    }
    BN_free(number);
    ERR_clear_error();
    return is_whole;
}

/* True when this list is of the certificate's issuer and holds its serial. */
static bool certificate_mark_is_listed(const struct certificate_mark *mark, X509_CRL *crl)
{
    uint8_t issuer_hash[CERTIFICATE_ISSUER_HASH_SIZE];
    X509_REVOKED *entry = NULL;
    if (!certificate_hash_issuer(X509_CRL_get_issuer(crl), issuer_hash) ||
        memcmp(issuer_hash, mark->issuer_hash, sizeof issuer_hash) != 0)
        return false;
    BIGNUM *number = BN_bin2bn(mark->serial, mark->serial_size, NULL);
    ASN1_INTEGER *serial = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
    /* 1: listed; 2: listed as removeFromCRL, which takes an entry back. */
    bool is_listed = serial != NULL && X509_CRL_get0_by_serial(crl, &entry, serial) == 1;
    ASN1_INTEGER_free(serial);
    BN_free(number);
    return is_listed;
}

enum certificate_refusal certificate_mark_check(const struct certificate_mark *mark,
                                                STACK_OF(X509_CRL) *crls, int64_t now_s)
{
    if (mark->not_after_s < now_s)
        return CERTIFICATE_EXPIRED;
    for (int i = 0; i < sk_X509_CRL_num(crls); i++)
        if (certificate_mark_is_listed(mark, sk_X509_CRL_value(crls, i)))
            return CERTIFICATE_REVOKED;
    return CERTIFICATE_OK;
}
