/* PEM files that the supervisor opened. */
#ifndef POSTERN_PKI_PEM_FILE_H
#define POSTERN_PKI_PEM_FILE_H

#include <openssl/x509.h>

#include "base/attributes.h"

enum { PEM_FILE_MAX = 4 << 20 /* a CA bundle is 250 KB */ };

/* The certificates of the file, in order; NULL when there is none or one is malformed. */
STACK_OF(X509) *pem_file_certificates(int fd) MUST_USE;

#endif
