/*
 * A login that is decided, at the backend; see login_steps.h. Comes from login.c; goes by backend/login.c
 * (password, token) or master_login.c (certificate alone: the broker logs in, or has half of the exchange)
 * to relay.c, or to a refusal.
 */
#include "gate/login_steps.h"

#include "backend/login.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "gate/admission.h"
#include "gate/gate.h"
#include "gate/session.h"
#include "gate/tls_context.h"
#include "gate/verdict.h"
#include "protocol/imap_response.h"
#include "protocol/scram_message.h"

/* --- Letting in ------------------------------------------------------------------------------------- */

/* A connection to the backend on which the user is logged in, whoever did it. */
struct login_opened {
    struct stream *stream;
    struct span capabilities;
    struct span rest; /* what the backend said behind its answer */
    const struct endpoint *endpoint;
};

static void login_log_success(const struct session *session, const struct endpoint *endpoint)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "login_accepted");
    admission_log(session->login.admission, &record);
    log_text(&record, "backend", session->listener->backend->name);
    log_ip(&record, "backend_address", &endpoint->ip);
    log_number(&record, "backend_port", endpoint->port);
    log_text(&record, "tls", SSL_get_version(session->client.tls));
    log_end(&record);
}

/* The session lives. One that the keeper did not allow, or was not asked about, is new to it. */
static void login_tell_keeper(struct session *session)
{
    struct login *login = &session->login;
    if (login->is_asked)
        keeper_link_tell(session->gate, MESSAGE_session_started, session->registered.id);
    else
        keeper_link_announce(session->gate, login->admission, true);
    login->is_asked = true;
}

/* Lets the user in: the relay takes both sockets, and the session ends. */
static void login_let_in(struct session *session, const struct login_opened *opened)
{
    auto_strbuf struct strbuf to_client = STRBUF(SESSION_OUTPUT_MAX + 4 * IMAP_RESPONSE_MAX);
    strbuf_append_span(&to_client, strbuf_span(&session->output));
    session->protocol->answer_success(session, opened->capabilities, &to_client);
    strbuf_append_span(&to_client, opened->rest);
    struct relay_start start = {
        .settings = session->settings,
        .admission = session->login.admission,
        .client = &session->client,
        .backend = opened->stream,
        .to_client = strbuf_span(&to_client),
        .to_backend = strbuf_span(&session->held),
        .is_guarded = imap_capability_has(opened->capabilities, SPAN("UNAUTHENTICATE")),
    };
    if (admission_check(session->login.admission, session->gate->settings, clock_wall_s()) !=
        CERTIFICATE_OK) {
        login_revoke(session);
        if (session->phase != SESSION_BACKEND)
            return;
    }
    if (strbuf_failed(&to_client)) {
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, "the backend says too much");
        return;
    }
    login_log_success(session, opened->endpoint);
    verdict_record_login(session, session->login.admission->login);
    if (!session->is_health_check)
        tally_add_login(&session->gate->tally, session->listener->is_observed);
    login_tell_keeper(session);
    tls_forget_peer(session->client.tls);
    if (!relay_start(session->gate, &start)) {
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, "out of memory");
        return;
    }
    session->login.admission = NULL;
    session->login.is_asked = false; /* the relay reports the end */
    session_hand_over(session);
}

/* --- By what the backend checks itself --------------------------------------------------------------- */

static void login_on_backend(struct backend_login *backend, enum backend_login_result result,
                             void *owner)
{
    struct session *session = owner;
    struct login_opened opened;
    session->login.is_prompt = session->listener->is_observed;
    master_login_cancel(session); /* where it ends before the broker's last word */
    switch (result) {
    case BACKEND_LOGIN_OK:
        opened = (struct login_opened){.stream = &backend->stream,
                                       .capabilities = backend_login_capabilities(backend),
                                       .rest = backend_login_rest(backend),
                                       .endpoint = &backend->address->endpoint};
        login_let_in(session, &opened);
        break;
    case BACKEND_LOGIN_REFUSED:
        verdict_note_other(session, "backend");
        login_refuse(session, LOGIN_REFUSED, NULL, "the backend refused it");
        break;
    case BACKEND_LOGIN_UNAVAILABLE:
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, backend->problem);
        break;
    }
    if (session->phase == SESSION_OVER)
        return;
    backend_login_free(take(&session->login.backend));
    session_run(session);
}

static struct backend_login_request login_request_of(const struct session *session)
{
    return (struct backend_login_request){
        .backend = session->listener->backend,
        .mechanism = session->login.mechanism,
        .login = span_of(session->login.admission->login),
        .secret = secret_span(&session->login.secret),
        .client = &session->peer,
        .local = &session->local,
        .client_id = strbuf_span(&session->imap.client_id),
        .session = session->registered.id,
        .has_certificate = session->certificate.state == CERTIFICATE_VALID,
    };
}

static void login_start_backend(struct session *session, const struct backend_login_request *request)
{
    session->login.backend = backend_login_start(session->gate->loop, &session->gate->reaper, request,
                                                 login_on_backend, session);
    if (session->login.backend == NULL)
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, "out of memory");
}

void login_go_to_backend(struct session *session)
{
    struct backend_login_request request = login_request_of(session);
    if (request.mechanism == SASL_EXTERNAL && !backend_has_master(request.backend)) {
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, "the backend has no master user");
        return;
    }
    session_enter(session, SESSION_BACKEND);
    if (request.mechanism != SASL_EXTERNAL)
        login_start_backend(session, &request);
    else if (!master_login_begin(session))
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, "the broker is away");
}

/* --- As master user: the broker ---------------------------------------------------------------------- */

static void login_on_challenge(struct backend_login *backend, struct span challenge, void *owner)
{
    (void)backend;
    master_login_challenge(owner, challenge);
}

void login_on_scram_first(struct session *session, const struct message_scram_first *first)
{
    struct login *login = &session->login;
    if (login->backend != NULL)
        return; /* it was said already */
    strbuf_init(&login->scram_first, SCRAM_FIRST_MAX);
    strbuf_append_span(&login->scram_first, first->message);
    struct backend_login_request request = login_request_of(session);
    request.scram_first = strbuf_span(&login->scram_first);
    request.on_challenge = login_on_challenge;
    if (strbuf_failed(&login->scram_first) || !span_equal(first->login, request.login))
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, "the broker finds another user in the certificate");
    else
        login_start_backend(session, &request);
    session_run(session);
}

void login_on_scram_proof(struct session *session, const struct message_scram_proof *proof)
{
    if (session->login.backend != NULL)
        backend_login_prove(session->login.backend, proof->message, proof->verifier);
}

/* Not reached: the relay takes the socket over before the loop runs again, or it is closed. */
static void login_on_socket(struct stream *stream, void *owner)
{
    (void)stream;
    (void)owner;
}

/* Lets in by the connection that came from the broker. */
static void login_take_socket(struct session *session, struct message_master_login_done *done)
{
    struct stream stream;
    struct endpoint endpoint = {.port = (uint16_t)done->backend_port};
    memcpy(endpoint.ip.octets, done->backend, sizeof endpoint.ip.octets);
    stream_init(&stream, session->gate->loop, take_fd(&done->socket), login_on_socket, session);
    struct login_opened opened = {.stream = &stream,
                                  .capabilities = done->capabilities,
                                  .rest = done->rest,
                                  .endpoint = &endpoint};
    login_let_in(session, &opened);
    stream_fini(&stream); /* nothing where it was moved away */
}

void login_on_master_login(struct session *session, struct message_master_login_done *done)
{
    auto_strbuf struct strbuf problem = STRBUF(256);
    strbuf_append_span(&problem, done->problem);
    backend_login_free(take(&session->login.backend));
    session->login.is_prompt = session->listener->is_observed;
    switch (done->result) {
    case MASTER_LOGIN_DONE:
        if (done->socket >= 0 && span_equal(done->login, span_of(session->login.admission->login)))
            login_take_socket(session, done);
        else
            login_refuse(session, LOGIN_UNAVAILABLE, NULL, "the broker finds another user in the certificate");
        break;
    case MASTER_LOGIN_CERTIFICATE:
        session->certificate.state = CERTIFICATE_REFUSED;
        session->certificate.refusal = done->refusal < CERTIFICATE_REFUSAL_COUNT
                                           ? (enum certificate_refusal)done->refusal
                                           : CERTIFICATE_BAD_CHAIN;
        login_refuse(session, LOGIN_CERTIFICATE_REFUSED, login_certificate_text(session),
                     strbuf_text(&problem));
        break;
    case MASTER_LOGIN_REFUSED:
        login_refuse(session, LOGIN_REFUSED, NULL, strbuf_text(&problem));
        break;
    default:
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, strbuf_text(&problem));
        break;
    }
    session_run(session);
}
