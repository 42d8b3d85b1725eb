/*
 * Seals and opens session tickets; see tickets.h. OpenSSL calls in, in this order: the ClientHello, the
 * key of a ticket that it shows, the ticket's content; once the handshake is complete, what goes into
 * the next ticket, and its key.
 */
#include "gate/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/clock.h"
#include "gate/settings.h"
#include "pki/authorities.h"
#include "protocol/server_name.h"

enum {
    TICKET_CIPHER_SIZE = 32, /* AES-256-CBC */
    TICKET_MAC_SIZE = 32,    /* HMAC-SHA-256 */
    TICKET_DERIVED_SIZE = TICKET_CIPHER_SIZE + TICKET_MAC_SIZE,
    TICKET_IV_SIZE = 16,
    TICKETS_PER_HANDSHAKE = 1, /* in TLS 1.3; a client that opens more connections gets more */
    TICKET_CHAIN_COUNT_MAX = 5,
};

/* A session is for our tickets alone; OpenSSL wants some name where client certificates are asked for. */
static const unsigned char ticket_session_context[] = "postern";

/* --- Keys ------------------------------------------------------------------------------------------- */

static bool ticket_key_take(struct ticket_key *key, const uint8_t name[TICKET_NAME_SIZE], struct span secret)
{
    if (secret.len != TICKET_SECRET_SIZE)
        return false;
    memcpy(key->name, name, TICKET_NAME_SIZE);
    memcpy(key->secret, secret.at, TICKET_SECRET_SIZE);
    return true;
}

void ticket_keys_take(struct ticket_keys *keys, const struct message_ticket_keys *message)
{
    ticket_keys_forget(keys);
    keys->count = ticket_key_take(&keys->at[0], message->name, message->secret) ? 1 : 0;
    if (keys->count == 1 && ticket_key_take(&keys->at[1], message->former_name, message->former_secret))
        keys->count = 2;
}

void ticket_keys_forget(struct ticket_keys *keys)
{
    OPENSSL_cleanse(keys, sizeof *keys);
}

/* --- The place --------------------------------------------------------------------------------------- */

/* Each part with its length before it, so that no two places are written alike. */
static bool place_add(EVP_MD_CTX *hash, struct span part)
{
    uint32_t len = (uint32_t)part.len;
    return EVP_DigestUpdate(hash, &len, sizeof len) == 1 && EVP_DigestUpdate(hash, part.at, part.len) == 1;
}

static bool place_hash(EVP_MD_CTX *hash, const struct listener *listener, struct span name,
                       uint8_t ret_place[TICKET_PLACE_SIZE])
{
    uint32_t terms[] = {(uint32_t)listener->protocol, (uint32_t)listener->tls, listener->preauth};
    return EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 && place_add(hash, span_of(listener->name)) &&
           place_add(hash, span_make(terms, sizeof terms)) &&
           place_add(hash, span_make(listener->logins, listener->login_count * sizeof *listener->logins)) &&
           place_add(hash, span_make(listener->settings->client_ca_digest, TICKET_PLACE_SIZE)) &&
           place_add(hash, name) && EVP_DigestFinal_ex(hash, ret_place, NULL) == 1;
}

/* The name that the client asks for, letters folded; "" when it asks for none. */
static bool tickets_read_name(SSL *tls, uint8_t folded[256], struct span *ret_name)
{
    const unsigned char *at = NULL;
    size_t len = 0;
    struct span name = SPAN_NONE;
    if (SSL_client_hello_get0_ext(tls, TLSEXT_TYPE_server_name, &at, &len) == 1 &&
        !server_name_read(span_make(at, len), &name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        folded[i] = ascii_lower(name.at[i]);
    *ret_name = span_make(folded, name.len);
    return true;
}

/* The first that OpenSSL does with a ClientHello. One without a place gets and opens no ticket. */
static int tickets_on_hello(SSL *tls, int *alert, void *argument)
{
    struct tls_accepted *accepted = SSL_get_app_data(tls);
    uint8_t folded[256];
    struct span name;
    (void)alert;
    (void)argument;
    if (accepted == NULL || accepted->keys->count == 0)
        return SSL_CLIENT_HELLO_SUCCESS;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    accepted->has_place = hash != NULL && tickets_read_name(tls, folded, &name) &&
                          place_hash(hash, accepted->listener, name, accepted->place);
    EVP_MD_CTX_free(hash);
    if (!accepted->has_place)
        tickets_bar(tls);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* --- A ticket's key ------------------------------------------------------------------------------------ */

/*
 * The keys of this place, from a secret that nobody outside has: HMAC is as good as HKDF there, whose
 * first step (RFC 5869 section 3.3) is for secrets that are not uniform.
 */
static bool ticket_derive(const uint8_t secret[TICKET_SECRET_SIZE], const struct tls_accepted *accepted,
                          EVP_CIPHER_CTX *cipher, const uint8_t *iv, EVP_MAC_CTX *mac, int is_sealing)
{
    uint8_t derived[TICKET_DERIVED_SIZE];
    char digest[] = "SHA256";
    OSSL_PARAM terms[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, derived + TICKET_CIPHER_SIZE, TICKET_MAC_SIZE),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    bool is_done = HMAC(EVP_sha512(), secret, TICKET_SECRET_SIZE, accepted->place, TICKET_PLACE_SIZE, derived,
                        NULL) != NULL &&
                   EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, derived, iv, is_sealing) == 1 &&
                   EVP_MAC_CTX_set_params(mac, terms) == 1;
    OPENSSL_cleanse(derived, sizeof derived);
    return is_done;
}

/*
 * Keys that went while the handshake ran (the broker died) leave TLS 1.3 with a ticket that it has
 * promised itself to send, and an empty one is not allowed there: it is sealed with a secret that ends
 * here. TLS 1.2 sends an empty one (RFC 5077 section 3.3).
 */
static int ticket_seal(SSL *tls, const struct tls_accepted *accepted, unsigned char name[TICKET_NAME_SIZE],
                       unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct ticket_key nobodys = {.name = {0}};
    bool is_good = accepted != NULL && accepted->has_place && !accepted->is_barred && accepted->keys->count > 0;
    const struct ticket_key *key = is_good ? &accepted->keys->at[0] : &nobodys;
    struct tls_accepted nowhere = {.alpn = NULL};
    if (!is_good && SSL_version(tls) < TLS1_3_VERSION)
        return 0;
    if (!is_good && (RAND_bytes(nobodys.name, sizeof nobodys.name) != 1 ||
                     RAND_bytes(nobodys.secret, sizeof nobodys.secret) != 1))
        return -1;
    memcpy(name, key->name, TICKET_NAME_SIZE);
    return RAND_bytes(iv, TICKET_IV_SIZE) == 1 &&
                   ticket_derive(key->secret, is_good ? accepted : &nowhere, cipher, iv, mac, 1)
               ? 1
               : -1;
}

/* 0: not one that this connection may open; 2: opened by the former key, and due for a new one. */
static int ticket_open(struct tls_accepted *accepted, const unsigned char name[TICKET_NAME_SIZE],
                       const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (accepted == NULL || !accepted->has_place || accepted->tries == TICKET_TRIES_MAX)
        return 0;
    for (size_t i = 0; i < accepted->keys->count; i++) {
        if (CRYPTO_memcmp(accepted->keys->at[i].name, name, TICKET_NAME_SIZE) != 0)
            continue;
        accepted->tries++; /* a name is no secret: what follows costs, and one ClientHello holds hundreds */
        if (!ticket_derive(accepted->keys->at[i].secret, accepted, cipher, iv, mac, 0))
            return 0;
        return i == 0 ? 1 : 2;
    }
    return 0;
}

static int tickets_on_key(SSL *tls, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                          EVP_MAC_CTX *mac, int is_sealing)
{
    struct tls_accepted *accepted = SSL_get_app_data(tls);
    return is_sealing ? ticket_seal(tls, accepted, name, iv, cipher, mac)
                      : ticket_open(accepted, name, iv, cipher, mac);
}

/* --- The certificates that travel in it ---------------------------------------------------------------- */

static bool chain_print(STACK_OF(X509) *chain, struct strbuf *der)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        unsigned char *octets = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &octets);
        if (len > 0)
            strbuf_append_span(der, span_make(octets, (size_t)len));
        OPENSSL_free(octets);
        if (len <= 0)
            return false;
    }
    return !strbuf_failed(der);
}

bool tickets_chain_fits(STACK_OF(X509) *chain)
{
    auto_strbuf struct strbuf der = STRBUF(TICKET_CHAIN_MAX);
    return sk_X509_num(chain) <= TICKET_CHAIN_COUNT_MAX && chain_print(chain, &der);
}

/* The certificates of a ticket that was authentic; NULL when they are not what chain_print wrote. */
static STACK_OF(X509) *chain_read(struct span der)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    const unsigned char *at = der.at;
    const unsigned char *end = der.at + der.len;
    while (chain != NULL && at < end) {
        X509 *certificate = sk_X509_num(chain) < TICKET_CHAIN_COUNT_MAX ? d2i_X509(NULL, &at, end - at) : NULL;
        if (certificate == NULL || sk_X509_push(chain, certificate) == 0) {
            X509_free(certificate);
            sk_X509_pop_free(chain, X509_free);
            return NULL;
        }
    }
    return chain;
}

static struct span ticket_chain(SSL_SESSION *session)
{
    void *at = NULL;
    size_t len = 0;
    if (session == NULL || SSL_SESSION_get0_ticket_appdata(session, &at, &len) != 1)
        return SPAN_NONE;
    return span_make(at, len);
}

void tickets_client_chain(SSL *tls, struct strbuf *der)
{
    if (SSL_session_reused(tls))
        strbuf_append_span(der, ticket_chain(SSL_get_session(tls)));
    else
        (void)chain_print(SSL_get_peer_cert_chain(tls), der);
}

/* A ticket ends with its certificate: seconds from now, at most the life of every ticket. */
static long ticket_life(const X509 *certificate)
{
    int days = 0;
    int seconds = 0;
    if (certificate == NULL)
        return TICKET_LIFE_S;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1 || days < 0 || seconds < 0)
        return 1;
    return days > 0 || seconds > TICKET_LIFE_S ? TICKET_LIFE_S : seconds + 1;
}

/* OpenSSL writes the session into a ticket: adds the chain, and sets how long it is good for. */
static int tickets_on_issue(SSL *tls, void *argument)
{
    SSL_SESSION *session = SSL_get_session(tls);
    const struct tls_accepted *accepted = SSL_get_app_data(tls);
    auto_strbuf struct strbuf der = STRBUF(TICKET_CHAIN_MAX);
    (void)argument;
    if (session == NULL || accepted == NULL)
        return 0;
    (void)SSL_SESSION_set_timeout(session, ticket_life(SSL_get0_peer_certificate(tls)));
    if (accepted->is_barred || SSL_session_reused(tls))
        return 1; /* a resumed session has its chain already */
    return chain_print(SSL_get_peer_cert_chain(tls), &der) &&
           (der.len == 0 || SSL_SESSION_set1_ticket_appdata(session, strbuf_span(&der).at, der.len) == 1);
}

bool tickets_verify(const struct tls_accepted *accepted, X509 *certificate, STACK_OF(X509) *chain)
{
    const struct authorities *authorities = accepted->listener->settings->authorities;
    *accepted->certificate = (struct client_certificate){.state = CERTIFICATE_ABSENT};
    strbuf_reset(accepted->name);
    if (authorities != NULL)
        authorities_verify(authorities, certificate, chain, clock_wall_s(), accepted->certificate,
                           accepted->name);
    return accepted->certificate->state == CERTIFICATE_VALID;
}

/* The certificate again, as a full handshake would verify it now: authorities, lists, validity. */
static bool ticket_certificate_verifies(SSL *tls, SSL_SESSION *session)
{
    const struct tls_accepted *accepted = SSL_get_app_data(tls);
    X509 *certificate = SSL_SESSION_get0_peer(session);
    if (certificate == NULL)
        return true;
    STACK_OF(X509) *chain = chain_read(ticket_chain(session));
    bool is_valid = chain != NULL && tickets_verify(accepted, certificate, chain);
    sk_X509_pop_free(chain, X509_free);
    return is_valid;
}

/* A ticket was opened, or not: what does not hold now falls back to a full handshake and a new ticket. */
static SSL_TICKET_RETURN tickets_on_opened(SSL *tls, SSL_SESSION *session, const unsigned char *name,
                                           size_t name_len, SSL_TICKET_STATUS status, void *argument)
{
    (void)name;
    (void)name_len;
    (void)argument;
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) ||
        !ticket_certificate_verifies(tls, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* --- On a context and a connection ----------------------------------------------------------------------- */

bool tickets_enable(SSL_CTX *context)
{
    (void)SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_timeout(context, TICKET_LIFE_S);
    (void)SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_client_hello_cb(context, tickets_on_hello, NULL);
    return SSL_CTX_set_num_tickets(context, TICKETS_PER_HANDSHAKE) == 1 &&
           SSL_CTX_set_session_id_context(context, ticket_session_context, sizeof ticket_session_context - 1) ==
               1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context, tickets_on_key) == 1 &&
           SSL_CTX_set_session_ticket_cb(context, tickets_on_issue, tickets_on_opened, NULL) == 1;
}

void tickets_bar(SSL *tls)
{
    struct tls_accepted *accepted = SSL_get_app_data(tls);
    if (accepted != NULL)
        accepted->is_barred = true;
    (void)SSL_set_num_tickets(tls, 0);
}

void tickets_begin(SSL *tls, const struct tls_accepted *accepted)
{
    if (accepted->keys->count > 0)
        return;
    (void)SSL_set_options(tls, SSL_OP_NO_TICKET);
    (void)SSL_set_num_tickets(tls, 0);
}
