/*
 * TLS as Postern speaks it: versions, suites, ALPN, SNI and client certificates, set in one place for
 * every listener.
 *
 * A handshake never fails for a client's certificate: the result of its verification is kept, and the
 * login says why (session_tls.c). A ticket (tickets.h) is only given for one that verified, and what a
 * resumed connection brings is verified again.
 */
#ifndef POSTERN_GATE_TLS_CONTEXT_H
#define POSTERN_GATE_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "channel/message.h"

struct settings;
struct tls_accepted;
struct tls_provider;

/* A context with the certificate chain of this file, whose key the broker holds. NULL with the reason in why. */
SSL_CTX *tls_context_new_server(int certificate_fd, const struct tls_provider *provider,
                                struct strbuf *why) MUST_USE;

/*
 * Gives all server contexts of the settings the version of the message and their client authorities, and
 * lets the first choose among them by SNI. False with the reason in why.
 */
bool tls_context_finish_servers(struct settings *settings, const struct message_configure_tls *message,
                                struct strbuf *why) MUST_USE;

/* A server-side TLS object for a connection; accepted stays where it is until tls_forget_peer(). */
SSL *tls_accept_new(const struct settings *settings, struct tls_accepted *accepted) MUST_USE;

/*
 * Lets go of what the client's certificate holds in memory (2.8 of 4.7 KB): extensions, names and key
 * of the copy that OpenSSL keeps with the connection and nobody reads any more, the chain of a ticket,
 * and what the callbacks saw. For a connection whose login is done.
 */
void tls_forget_peer(SSL *tls);

#endif
