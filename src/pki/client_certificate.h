/*
 * From a client's certificate to a user, with no free choice anywhere (CVE-2019-3814): the user is the
 * one rfc822Name of the subject alternative name. Pure: reads the DER that OpenSSL parsed, opens
 * nothing.
 */
#ifndef POSTERN_PKI_CLIENT_CERTIFICATE_H
#define POSTERN_PKI_CLIENT_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

/*
 * SHA-256 of the signed part (TBSCertificate) in DER, not of the whole certificate: who holds an ECDSA
 * signature (r, s) can write it as (r, n - s), which is as good and changes the hash of the whole. A
 * revoked device could come back under a fingerprint that nobody knows.
 */
enum {
    CERTIFICATE_FINGERPRINT_SIZE = 32,
    CERTIFICATE_NAME_MAX = 320, /* octets of the rfc822Name; as long as a login may be */
};

enum certificate_state {
    CERTIFICATE_ABSENT,  /* none, or of an issuer that we don't know: as if there were none */
    CERTIFICATE_VALID,   /* names one user */
    CERTIFICATE_REFUSED, /* of ours, and bad: every login on this connection is refused */
};

enum certificate_refusal {
    CERTIFICATE_OK,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_REVOKED,
    CERTIFICATE_NO_CRL,        /* a CRL is configured, and none fits or it is overdue */
    CERTIFICATE_WRONG_PURPOSE, /* not for TLS clients */
    CERTIFICATE_BAD_CHAIN,     /* signature, path length, constraints, algorithm … */
    CERTIFICATE_NO_NAME,       /* no rfc822Name, or empty */
    CERTIFICATE_SEVERAL_NAMES,
    CERTIFICATE_BAD_NAME,      /* NUL, control, not ASCII, no canonical login */
    CERTIFICATE_REFUSAL_COUNT,
};

struct client_certificate {
    enum certificate_state state;
    enum certificate_refusal refusal; /* CERTIFICATE_OK unless REFUSED */
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE]; /* unless ABSENT with no certificate at all */
    int64_t not_after_s;              /* wall clock, when VALID */
};

/* "expired", "revoked" …: for log records and, after a prefix, for the client. */
const char *certificate_refusal_text(enum certificate_refusal refusal);

/*
 * Judges the certificate (NULL: none) with OpenSSL's verify result of the chain (X509_V_OK or the
 * error). Appends the raw rfc822Name to name when VALID; the caller makes it a canonical login and
 * turns the state to REFUSED with BAD_NAME where that fails.
 */
void client_certificate_read(X509 *certificate, long verify_result,
                             struct client_certificate *ret_certificate, struct strbuf *name);

/* The same from DER, for the fuzz target and the tests. False when the DER is not one certificate. */
bool client_certificate_read_der(struct span der, struct client_certificate *ret_certificate,
                                 struct strbuf *name) MUST_USE;

/*
 * Verifies a chain up to its first error and lets the handshake go on; the error stays as the verify
 * result, for client_certificate_read(). For SSL_CTX_set_cert_verify_callback() (with SSL_VERIFY_PEER).
 * A verify callback that returns 1 is no substitute: OpenSSL then goes on and keeps the last error, so
 * that a stranger's certificate that is also expired would count as ours, and expired. The first error
 * of OpenSSL's order is the right one: unknown issuer before all others.
 */
int client_certificate_verify_chain(X509_STORE_CTX *store, void *unused);

/* The fingerprint of a certificate. False only when memory is out. */
bool certificate_fingerprint(X509 *certificate,
                             uint8_t ret_fingerprint[CERTIFICATE_FINGERPRINT_SIZE]) MUST_USE;

#endif
