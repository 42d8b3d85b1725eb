/*
 * The authorities whose client certificates count, each a section client_ca of the configuration, with
 * their CRLs: frozen once in use. Which section a certificate falls under is said by the authority that
 * ends its chain and by nothing in the certificate; the section says what it must be and whom it names.
 * There is one way to verify, whoever asks: a handshake, a session ticket that was opened, or who is
 * handed a certificate and its chain as DER.
 */
#ifndef POSTERN_PKI_AUTHORITIES_H
#define POSTERN_PKI_AUTHORITIES_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "pki/certificate_mark.h"
#include "pki/client_ca.h"
#include "pki/client_certificate.h"

enum {
    AUTHORITIES_CHAIN_DEPTH = 5,       /* certificates between a client's and ours */
    AUTHORITIES_CHAIN_OCTETS = 32768,  /* most that a client may send: its certificate and chain */
    AUTHORITIES_STRENGTH_LEVEL = 2,    /* least of keys and signatures: OpenSSL's level of 112 bits */
};

struct authorities;

/* None yet. NULL when memory is out. */
struct authorities *authorities_new(void) MUST_USE;

/*
 * Adds a section. False with the reason in why: an authority that stands in another section too would
 * leave open under which one its certificates fall.
 */
bool authorities_add(struct authorities *authorities, const struct client_ca_request *request,
                     struct strbuf *why) MUST_USE;

/*
 * Puts a table of revoked certificates in force for a section; sessions go on. False with the reason in
 * why: the former stays.
 */
bool authorities_take_lists(struct authorities *authorities, struct span name, int table_fd,
                            struct strbuf *why) MUST_USE;

/* Takes NULL. */
void authorities_free(struct authorities *authorities);

/* Their certificates, in the order in which they were added, to name in a handshake; they stay the authorities'. */
const STACK_OF(X509) *authorities_certificates(const struct authorities *authorities);

/*
 * Judges a certificate of which nothing has been verified yet. chain: what came with it, untrusted;
 * may be NULL. Appends the user's name when VALID; the caller makes it a canonical login and turns the
 * state to REFUSED with BAD_NAME where that fails. Where memory is out the certificate is REFUSED.
 */
void authorities_verify(const struct authorities *authorities, X509 *leaf, STACK_OF(X509) *chain,
                        int64_t now_s, struct client_certificate *ret_certificate, struct strbuf *name);

/*
 * The same from DER: one certificate, and the others of its chain end to end ("" for none). False, and
 * outputs untouched, when there is more than the two limits above allow or anything does not decode.
 */
bool authorities_verify_der(const struct authorities *authorities, struct span leaf, struct span chain,
                            int64_t now_s, struct client_certificate *ret_certificate,
                            struct strbuf *name) MUST_USE;

/*
 * The authority of ours that signed the certificate, for its mark. False when there is none, as for one
 * whose intermediate came from the client: no list of ours can be of that.
 */
bool authorities_identify_issuer(const struct authorities *authorities, X509 *certificate,
                                 struct issuer *ret_issuer) MUST_USE;

/*
 * Looks again at a certificate whose session lives: CERTIFICATE_OK, _EXPIRED, or _REVOKED, also where an
 * authority above it was. NULL has no lists.
 */
enum certificate_refusal authorities_check_mark(const struct authorities *authorities,
                                                const struct certificate_mark *mark,
                                                int64_t now_s) MUST_USE;

#endif
