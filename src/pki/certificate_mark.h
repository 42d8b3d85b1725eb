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
#include "pki/issuer.h"

struct certificate_mark {
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
    struct issuer issuer;       /* zeros: none whose list could name it */
    uint8_t serial[SERIAL_MAX]; /* big-endian, without zeros before it */
    uint8_t serial_size;
    int64_t not_after_s; /* wall clock */
};

/*
 * issuer: who signed it, where that is an authority of ours, else NULL. False when the serial is negative
 * or longer than the RFC allows.
 */
bool certificate_mark_read(const X509 *certificate, const struct client_certificate *read,
                           const struct issuer *issuer, struct certificate_mark *ret_mark) MUST_USE;

#endif
