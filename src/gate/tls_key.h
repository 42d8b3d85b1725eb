/*
 * The place where a server certificate gets the means to sign: a key that the broker holds and this
 * process never sees.
 */
#ifndef POSTERN_GATE_TLS_KEY_H
#define POSTERN_GATE_TLS_KEY_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"

struct tls_provider;

/* Gives context, whose certificate is set already, its key. False with the reason appended to why. */
bool tls_key_install(SSL_CTX *context, const struct tls_provider *provider, struct strbuf *why) MUST_USE;

#endif
