/* Makes TLS contexts and connections; see tls_context.h. */
#include "gate/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/span.h"
#include "base/tls.h"
#include "gate/settings.h"
#include "gate/tickets.h"
#include "gate/tls_key.h"
#include "pki/authorities.h"
#include "pki/pem_file.h"

/* The protocol that this connection speaks, as the ALPN callback and the log find it. */
static const char *tls_alpn_of(SSL *tls)
{
    const struct tls_accepted *accepted = SSL_get_app_data(tls);
    return accepted == NULL ? NULL : accepted->alpn;
}

/*
 * A client that names protocols must name ours: else it was led here by somebody (ALPACA), and gets
 * the fatal alert no_application_protocol (RFC 7301 section 3.2). Most mail programs name none.
 */
static int tls_choose_alpn(SSL *tls, const unsigned char **ret_chosen, unsigned char *ret_len,
                           const unsigned char *offered, unsigned offered_len, void *argument)
{
    struct span ours = span_of(tls_alpn_of(tls));
    (void)argument;
    for (unsigned at = 0; at < offered_len;) {
        struct span name = span_make(offered + at + 1, offered[at]);
        at += 1U + offered[at];
        if (at <= offered_len && span_equal(name, ours)) {
            *ret_chosen = name.at;
            *ret_len = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Goes on with the certificate that covers the name; a name that none covers gets the default. */
static int tls_choose_certificate(SSL *tls, int *alert, void *argument)
{
    const struct settings *settings = argument;
    const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (name == NULL)
        return SSL_TLSEXT_ERR_OK;
    for (size_t i = 0; i < settings->context_count; i++) {
        X509 *certificate = SSL_CTX_get0_certificate(settings->contexts[i]);
        if (X509_check_host(certificate, name, strlen(name), 0, NULL) == 1) {
            (void)SSL_set_SSL_CTX(tls, settings->contexts[i]);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_context_new_server(int certificate_fd, const struct tls_provider *provider,
                                struct strbuf *why)
{
    STACK_OF(X509) *chain = pem_file_certificates(certificate_fd);
    SSL_CTX *context = tls_context_new(TLS_server_method());
    bool is_taken = chain != NULL && context != NULL;
    if (chain == NULL)
        strbuf_append(why, "holds no PEM certificate, or one that is malformed");
    is_taken = is_taken && SSL_CTX_use_certificate(context, sk_X509_value(chain, 0)) == 1;
    for (int i = 1; is_taken && i < sk_X509_num(chain); i++)
        is_taken = SSL_CTX_add1_chain_cert(context, sk_X509_value(chain, i)) == 1;
    if (chain != NULL && !is_taken)
        strbuf_append(why, "its certificate is not usable (key too small, or weak signature)");
    is_taken = is_taken && tls_key_install(context, provider, why);
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    if (is_taken)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/*
 * Takes the place of OpenSSL's verification, and lets the handshake go on whatever comes of it. What is
 * not valid is not for a ticket, and stays an error for whoever should ask OpenSSL.
 */
static int tls_verify_chain(X509_STORE_CTX *verification, void *argument)
{
    (void)argument;
    SSL *tls = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(verification);
    bool is_valid = tickets_verify(SSL_get_app_data(tls), X509_STORE_CTX_get0_cert(verification), chain);
    X509_STORE_CTX_set_error(verification,
                             is_valid ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    if (!is_valid || !tickets_chain_fits(chain))
        tickets_bar(tls);
    return 1;
}

/* All of them in one digest, to which tickets are bound. */
static bool tls_digest_authorities(const STACK_OF(X509) *authorities,
                                   uint8_t ret_digest[TICKET_PLACE_SIZE])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool is_whole = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    for (int i = 0; is_whole && i < sk_X509_num(authorities); i++) {
        uint8_t one[TICKET_PLACE_SIZE];
        is_whole = X509_digest(sk_X509_value(authorities, i), EVP_sha256(), one, NULL) == 1 &&
                   EVP_DigestUpdate(hash, one, sizeof one) == 1;
    }
    is_whole = is_whole && EVP_DigestFinal_ex(hash, ret_digest, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return is_whole;
}

/* Has the context ask for a client certificate of these authorities, and verify it by their rules. */
static bool tls_ask_certificate(SSL_CTX *context, const struct authorities *authorities)
{
    const STACK_OF(X509) *certificates = authorities_certificates(authorities);
    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (SSL_CTX_add_client_CA(context, sk_X509_value(certificates, i)) != 1)
            return false;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, tls_verify_chain, NULL);
    (void)SSL_CTX_set_max_cert_list(context, AUTHORITIES_CHAIN_OCTETS);
    return true;
}

bool tls_context_finish_servers(struct settings *settings, const struct message_configure_tls *message,
                                struct strbuf *why)
{
    bool is_whole = settings->authorities == NULL ||
                    tls_digest_authorities(authorities_certificates(settings->authorities),
                                           settings->client_ca_digest);
    for (size_t i = 0; is_whole && i < settings->context_count; i++) {
        SSL_CTX *context = settings->contexts[i];
        is_whole = SSL_CTX_set_min_proto_version(context, (int)message->minimum_version) == 1 &&
                   tickets_enable(context) &&
                   (settings->authorities == NULL || tls_ask_certificate(context, settings->authorities));
        SSL_CTX_set_alpn_select_cb(context, tls_choose_alpn, NULL);
        (void)SSL_CTX_set_tlsext_servername_callback(context, tls_choose_certificate);
        (void)SSL_CTX_set_tlsext_servername_arg(context, settings);
    }
    ERR_clear_error();
    if (!is_whole && why->len == 0)
        strbuf_append(why, "the TLS settings can't be put in force");
    return is_whole;
}

SSL *tls_accept_new(const struct settings *settings, struct tls_accepted *accepted)
{
    SSL *tls = SSL_new(settings->contexts[0]);
    if (tls == NULL)
        return NULL;
    (void)SSL_set_app_data(tls, accepted);
    tickets_begin(tls, accepted);
    SSL_set_accept_state(tls);
    return tls;
}

void tls_forget_peer(SSL *tls)
{
    X509 *peer = SSL_get0_peer_certificate(tls);
    (void)SSL_set_app_data(tls, NULL);
    (void)SSL_SESSION_set1_ticket_appdata(SSL_get_session(tls), NULL, 0);
    X509_NAME *nobody = peer == NULL ? NULL : X509_NAME_new();
    if (nobody == NULL)
        return;
    while (X509_get_ext_count(peer) > 0)
        X509_EXTENSION_free(X509_delete_ext(peer, 0));
    (void)X509_set_subject_name(peer, nobody);
    (void)X509_set_issuer_name(peer, nobody);
    /* A certificate needs some key: ours is shared by all and costs nothing. */
    (void)X509_set_pubkey(peer, X509_get0_pubkey(SSL_get_certificate(tls)));
    X509_NAME_free(nobody);
    ERR_clear_error();
}
