/*
 * What a client's certificate is worth, before it is asked whom it names: absent, valid, or refused. Pure:
 * reads the DER that OpenSSL parsed, opens nothing.
 */
#ifndef POSTERN_PKI_CLIENT_CERTIFICATE_H
#define POSTERN_PKI_CLIENT_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "pki/certificate_refusal.h"

/*
 * SHA-256 of the signed part (TBSCertificate) in DER, not of the whole certificate: who holds an ECDSA
 * signature (r, s) can write it as (r, n - s), which is as good and changes the hash of the whole. A
 * revoked device could come back under a fingerprint that nobody knows.
 */
enum {
    CERTIFICATE_FINGERPRINT_SIZE = 32,
    CERTIFICATE_NAME_MAX = 320, /* octets of the user's name; as long as a login may be */
};

enum certificate_state {
    CERTIFICATE_ABSENT,  /* none, or of an issuer that we don't know: as if there were none */
    CERTIFICATE_VALID,   /* names one user */
    CERTIFICATE_REFUSED, /* of ours, and bad: every login on this connection is refused */
};

struct client_certificate {
    enum certificate_state state;
    enum certificate_refusal refusal; /* CERTIFICATE_OK unless REFUSED */
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE]; /* unless ABSENT with no certificate at all */
    int64_t not_after_s;              /* wall clock, when VALID */
};

/*
 * Judges a certificate with OpenSSL's verify result of its chain (X509_V_OK or the error): all but the
 * user's name, which follows from the section that its chain ends in (client_ca.h). What is not of a
 * TLS client's purpose, said in so many words, is REFUSED.
 */
void client_certificate_judge(X509 *certificate, long verify_result,
                              struct client_certificate *ret_certificate);

/*
 * Verifies a chain up to its first error, which stays in the attempt, for client_certificate_judge(). A
 * verify callback that returns 1 is no substitute: OpenSSL then goes on and keeps the last error, so
 * that a stranger's certificate that is also expired would count as ours, and expired. The first error
 * of OpenSSL's order is the right one: unknown issuer before all others.
 */
void client_certificate_verify_chain(X509_STORE_CTX *attempt);

/* The fingerprint of a certificate. False only when memory is out. */
bool certificate_fingerprint(X509 *certificate,
                             uint8_t ret_fingerprint[CERTIFICATE_FINGERPRINT_SIZE]) MUST_USE;

#endif
