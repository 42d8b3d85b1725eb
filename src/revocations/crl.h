/*
 * One revocation list (RFC 5280 section 5): whether it may count, and what it says. It counts when an
 * authority of ours signed it, it speaks of all certificates of that authority, and nothing critical in
 * it is unknown here.
 */
#ifndef POSTERN_REVOCATIONS_CRL_H
#define POSTERN_REVOCATIONS_CRL_H

#include <openssl/x509.h>

#include "revocations/draft.h"

enum { CRL_CLOCK_SKEW_S = 3600 /* how far ahead of ours the authority's clock may be */ };

/*
 * Fills in an empty row, with its serials sorted. False with the reason in why, a sentence's end that
 * begins with what is wrong; the row is to be freed all the same.
 */
bool crl_take(X509_CRL *crl, const STACK_OF(X509) *authorities, int64_t now_s, struct draft_row *ret_row,
              struct strbuf *why) MUST_USE;

/* The list's issuer as people write it, at most REVOCATIONS_NAME_MAX octets. */
void crl_print_name(const X509_NAME *name, struct strbuf *text);

#endif
