/* What every TLS context of ours has in common, whichever side it takes. */
#ifndef POSTERN_BASE_TLS_H
#define POSTERN_BASE_TLS_H

#include <openssl/ssl.h>

#include "base/attributes.h"

/*
 * TLS 1.2 and 1.3 with forward secrecy and AEAD only (RFC 9325 section 4.2), no compression, no
 * renegotiation, buffers released while idle, and no resumption (gate/tickets.h adds it to servers).
 * NULL when memory is out.
 */
SSL_CTX *tls_context_new(const SSL_METHOD *method) MUST_USE;

#endif
