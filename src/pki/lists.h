/*
 * What the revocation lists of one section client_ca say of a chain. Every level is looked at: the list
 * of whoever signed a certificate must be there, must not be overdue beyond the section's grace, and must
 * not name the certificate. The lists come as a table (revocations.h), which is replaced as a whole.
 */
#ifndef POSTERN_PKI_LISTS_H
#define POSTERN_PKI_LISTS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "pki/revocations.h"

/* One certificate of the section's. */
struct lists_level {
    struct issuer identity;
    int parent;      /* the level that signed it; -1: none of the section's */
    bool is_revoked; /* it, or one above it */
};

struct lists {
    bool are_needed; /* the section names lists */
    int64_t grace_s;
    const STACK_OF(X509) *certificates; /* the section's, which outlive this */
    struct lists_level *levels;         /* one for each of them */
    struct revocations table;
};

/* For those certificates; nothing is looked up yet. False when memory is out. */
bool lists_init(struct lists *lists, const STACK_OF(X509) *certificates) MUST_USE;
void lists_fini(struct lists *lists);

/* From now on each level must have a list, which may be overdue for so long. */
void lists_need(struct lists *lists, int64_t grace_s);

/* Puts the table behind the descriptor in force. False with the reason in why: the former stays. */
bool lists_take(struct lists *lists, int fd, struct strbuf *why) MUST_USE;

/*
 * Judges a chain that OpenSSL has verified and that ends in a certificate of the section. X509_V_OK, or
 * the error of the first level that fails, the client's own certificate first.
 */
long lists_check(const struct lists *lists, const STACK_OF(X509) *chain, int64_t now_s);

/* Whether the certificate with that serial is revoked, or an authority above it, going by its issuer. */
bool lists_revoke(const struct lists *lists, const struct issuer *issuer, struct span serial);

#endif
