/* Reads PEM files that the supervisor opened, whole, with a cap. */
#ifndef POSTERN_PKI_PEM_FILE_H
#define POSTERN_PKI_PEM_FILE_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"

enum { PEM_FILE_MAX = 4 << 20 /* a CA bundle is 250 KB */ };

/* Appends all that fd holds, from its beginning. False when it can't be read or exceeds buf's cap. */
bool pem_file_read(int fd, struct strbuf *buf) MUST_USE;

/* The certificates of the file, in order; NULL when there is none or one is malformed. */
STACK_OF(X509) *pem_file_certificates(int fd) MUST_USE;

#endif
