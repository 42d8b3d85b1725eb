/* The revocation lists of one file: PEM, one or several, or one in DER. */
#ifndef POSTERN_REVOCATIONS_CRL_FILE_H
#define POSTERN_REVOCATIONS_CRL_FILE_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"

enum {
    CRL_FILE_MAX = 64 << 20, /* octets: 1.2 million serials of 16 octets in PEM */
    CRL_FILE_LISTS_MAX = 256,
};

typedef void crl_visit_fn(X509_CRL *crl, void *argument);

/*
 * Calls visit for each list, in order; the list is freed behind it. False with the reason in why when
 * there is none, or one does not decode: those before it were visited, nothing behind it is read.
 */
bool crl_file_read(int fd, crl_visit_fn *visit, void *argument, struct strbuf *why) MUST_USE;

/* The same from memory. */
bool crl_file_parse(struct span octets, crl_visit_fn *visit, void *argument, struct strbuf *why) MUST_USE;

#endif
