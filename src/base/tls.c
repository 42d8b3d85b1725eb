/* The one set of TLS options; see tls.h. */
#include "base/tls.h"

#include "base/invariant.h"

static const char tls_suites_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char tls_groups[] = "X25519:P-256:P-384";

SSL_CTX *tls_context_new(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL)
        return NULL;
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TICKET |
                                           SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(context, 1); /* a record in one read of the socket, not two */
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 0);
    invariant(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
    invariant(SSL_CTX_set_cipher_list(context, tls_suites_1_2) == 1);
    invariant(SSL_CTX_set1_groups_list(context, tls_groups) == 1);
    return context;
}
