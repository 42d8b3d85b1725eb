/*
 * The place where the gate signs: the private key of a server certificate is put into its context
 * here and nowhere else. What is behind this header can change (a key that another process holds)
 * without a line elsewhere.
 */
#ifndef POSTERN_GATE_TLS_KEY_H
#define POSTERN_GATE_TLS_KEY_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"

/*
 * Reads the PEM private key from fd and gives it to context, whose certificate is set already and
 * must fit. The text of the key is wiped. False with the reason appended to why.
 */
bool tls_key_install(SSL_CTX *context, int fd, struct strbuf *why) MUST_USE;

#endif
