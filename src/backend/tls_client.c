/* Contexts and connections towards backends; see tls_client.h. */
#include "backend/tls_client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/tls.h"
#include "pki/pem_file.h"

/* The authorities that the system trusts, for backends without a ca of their own. */
static X509_STORE *tls_system_store;

void tls_client_load_system_store(void)
{
    tls_system_store = X509_STORE_new();
    if (tls_system_store != NULL)
        (void)X509_STORE_set_default_paths(tls_system_store);
    ERR_clear_error();
}

SSL_CTX *tls_client_context_new(int ca_fd, struct strbuf *why)
{
    SSL_CTX *context = tls_context_new(TLS_client_method());
    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (ca_fd < 0) {
        if (tls_system_store != NULL)
            SSL_CTX_set1_cert_store(context, tls_system_store);
        return context;
    }
    STACK_OF(X509) *authorities = pem_file_certificates(ca_fd);
    bool is_whole = authorities != NULL;
    for (int i = 0; is_whole && i < sk_X509_num(authorities); i++)
        is_whole = X509_STORE_add_cert(SSL_CTX_get_cert_store(context),
                                       sk_X509_value(authorities, i)) == 1;
    sk_X509_pop_free(authorities, X509_free);
    ERR_clear_error();
    if (is_whole)
        return context;
    strbuf_append(why, "ca holds no PEM certificate, or one that is malformed");
    SSL_CTX_free(context);
    return NULL;
}

SSL *tls_connect_new(SSL_CTX *context, const char *name)
{
    SSL *tls = SSL_new(context);
    if (tls == NULL)
        return NULL;
    SSL_set_connect_state(tls);
    SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set_tlsext_host_name(tls, name) != 1 || SSL_set1_host(tls, name) != 1) {
        SSL_free(tls);
        return NULL;
    }
    return tls;
}
