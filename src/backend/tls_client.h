/* TLS towards backends: the certificate is always verified, for the configured name. */
#ifndef POSTERN_BACKEND_TLS_CLIENT_H
#define POSTERN_BACKEND_TLS_CLIENT_H

#include <openssl/ssl.h>

#include "base/attributes.h"
#include "base/strbuf.h"

/* Loads the system's store of authorities, while files can be opened: called once, at start. */
void tls_client_load_system_store(void);

/*
 * A context for backends that verifies them against the CA file (-1: the system's store). NULL with
 * the reason in why.
 */
SSL_CTX *tls_client_context_new(int ca_fd, struct strbuf *why) MUST_USE;

/* A client-side TLS object that demands a certificate for name. */
SSL *tls_connect_new(SSL_CTX *context, const char *name) MUST_USE;

#endif
