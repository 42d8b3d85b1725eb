/*
 * The TLS part of a session: the handshake, and what the client's certificate says. Comes between
 * listener.c (or STARTTLS) and the first command.
 */
#include <openssl/x509.h>

#include "base/log.h"
#include "gate/gate.h"
#include "gate/session.h"
#include "gate/tls_context.h"

void session_start_tls(struct session *session)
{
    session->accepted = (struct tls_accepted){.alpn = session->protocol->alpn,
                                              .listener = session->listener,
                                              .keys = &session->gate->ticket_keys,
                                              .certificate = &session->certificate,
                                              .name = &session->certificate_login};
    SSL *tls = tls_accept_new(session->settings, &session->accepted);
    if (tls == NULL || stream_start_tls(&session->client, tls) != 0) {
        session_end(session, "out of memory");
        return;
    }
    session_enter(session, SESSION_HANDSHAKE);
}

static void session_log_certificate(const struct session *session, const char *issuer)
{
    const struct client_certificate *certificate = &session->certificate;
    struct log_record record;
    log_begin(&record, LOG_INFO, issuer == NULL ? "certificate_refused" : "certificate_unknown");
    log_id(&record, "session", session->registered.id);
    log_ip(&record, "address", &session->peer.ip);
    log_text(&record, "listener", session->listener->name);
    if (issuer == NULL)
        log_text(&record, "reason", certificate_refusal_text(certificate->refusal));
    else
        log_text(&record, "issuer", issuer);
    auto_strbuf struct strbuf fingerprint = STRBUF(2 * CERTIFICATE_FINGERPRINT_SIZE);
    strbuf_append_hex(&fingerprint, span_make(certificate->fingerprint, sizeof certificate->fingerprint));
    log_text(&record, "fingerprint", strbuf_text(&fingerprint));
    log_end(&record);
}

static void session_refuse_certificate(struct session *session, enum certificate_refusal refusal)
{
    session->certificate.state = CERTIFICATE_REFUSED;
    session->certificate.refusal = refusal;
}

/* The certificate's name as the one login that everything else uses; "" unless it is VALID. */
static void session_canonicalise_certificate(struct session *session)
{
    struct login_name_rules rules =
        settings_login_rules(session->settings, session->listener->backend);
    auto_strbuf struct strbuf canonical = STRBUF(LOGIN_OCTETS_MAX);
    if (session->certificate.state == CERTIFICATE_VALID &&
        login_name_canonicalise(strbuf_span(&session->certificate_login), &rules, &canonical) != LOGIN_NAME_OK)
        session_refuse_certificate(session, CERTIFICATE_BAD_NAME);
    strbuf_reset(&session->certificate_login);
    strbuf_append_span(&session->certificate_login, strbuf_span(&canonical));
}

/*
 * Whether what was judged is what the connection ended up with. A ticket may be opened, judged and then
 * not used; what it said must not rub off on whoever comes without it.
 */
static bool session_judged(const struct session *session, X509 *certificate)
{
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
    return certificate_fingerprint(certificate, fingerprint) &&
           memcmp(fingerprint, session->certificate.fingerprint, sizeof fingerprint) == 0;
}

/* What it is known by while the session lives. */
static bool session_mark_certificate(struct session *session, X509 *certificate)
{
    struct issuer issuer;
    bool is_known = authorities_identify_issuer(session->settings->authorities, certificate, &issuer);
    return certificate_mark_read(certificate, &session->certificate, is_known ? &issuer : NULL,
                                 &session->certificate_mark);
}

static void session_take_certificate(struct session *session)
{
    X509 *certificate = SSL_get0_peer_certificate(session->client.tls);
    if (certificate == NULL) {
        session->certificate = (struct client_certificate){.state = CERTIFICATE_ABSENT};
        strbuf_reset(&session->certificate_login);
        return;
    }
    if (!session_judged(session, certificate))
        session_refuse_certificate(session, CERTIFICATE_BAD_CHAIN);
    if (session->certificate.state == CERTIFICATE_VALID &&
        !session_mark_certificate(session, certificate))
        session_refuse_certificate(session, CERTIFICATE_BAD_CHAIN);
    session_canonicalise_certificate(session);
    if (session->certificate.state == CERTIFICATE_ABSENT) {
        char issuer[256];
        (void)X509_NAME_oneline(X509_get_issuer_name(certificate), issuer, sizeof issuer);
        session_log_certificate(session, issuer);
    } else if (session->certificate.state == CERTIFICATE_REFUSED) {
        session_log_certificate(session, NULL);
    }
}

/* With a valid certificate a listener may greet with PREAUTH: the login begins without a command. */
static bool session_begins_by_itself(const struct session *session)
{
    return session->listener->preauth && session->certificate.state == CERTIFICATE_VALID &&
           login_offers(session, SASL_EXTERNAL);
}

void session_continue_handshake(struct session *session)
{
    switch (stream_handshake(&session->client)) {
    case STREAM_AGAIN:
        return;
    case STREAM_OK:
        break;
    case STREAM_END:
    case STREAM_FAILED:
        session_end(session, "handshake failed");
        return;
    }
    session_take_certificate(session);
    if (session_begins_by_itself(session)) {
        struct login_request request = {.mechanism = SASL_EXTERNAL};
        login_begin(session, &request);
        return;
    }
    session_enter(session, SESSION_COMMAND);
    if (session->listener->tls == LISTENER_TLS_IMPLICIT)
        session->protocol->greet(session);
}
