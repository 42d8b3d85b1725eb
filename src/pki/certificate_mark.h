/*
 * What is kept of a client's certificate while its session lives: enough to notice that it ended or was
 * revoked, and no more (the certificate itself costs kilobytes).
 */
#ifndef POSTERN_PKI_CERTIFICATE_MARK_H
#define POSTERN_PKI_CERTIFICATE_MARK_H

#include <openssl/x509.h>
#include <stdint.h>

#include "base/attributes.h"
#include "pki/client_certificate.h"

enum {
    CERTIFICATE_ISSUER_HASH_SIZE = 32, /* SHA-256 of the issuer's name in DER */
    CERTIFICATE_SERIAL_MAX = 20,       /* RFC 5280 section 4.1.2.2 */
};

struct certificate_mark {
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
    uint8_t issuer_hash[CERTIFICATE_ISSUER_HASH_SIZE];
    uint8_t serial[CERTIFICATE_SERIAL_MAX]; /* big-endian */
    uint8_t serial_size;
    int64_t not_after_s; /* wall clock */
};

/* False when the serial is longer than the RFC allows, or memory is out. */
bool certificate_mark_read(X509 *certificate, const struct client_certificate *read,
                           struct certificate_mark *ret_mark) MUST_USE;

/* CERTIFICATE_OK, _EXPIRED, or _REVOKED by one of the lists (NULL: none). */
enum certificate_refusal certificate_mark_check(const struct certificate_mark *mark,
                                                STACK_OF(X509_CRL) *crls, int64_t now_s) MUST_USE;

#endif
