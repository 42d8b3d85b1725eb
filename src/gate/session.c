/*
 * Connections before login: phases, reading, writing, deadlines; see session.h. Started by listener.c;
 * the protocol's file takes commands, login.c takes the login, relay.c what comes after.
 */
#include "gate/session.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container_of.h"
#include "base/invariant.h"
#include "base/log.h"
#include "gate/gate.h"
#include "gate/listener.h"
#include "gate/verdict.h"

enum {
    SESSION_CLOSING_MS = 5000, /* for the last words to be read */
    SESSION_KEEPER_MS = 5000,  /* for the keeper to answer: it takes microseconds, or is ill */
    SESSION_OBSERVED_KEEPER_MS = 250, /* and where it may refuse nothing, it may not delay either */
    SESSION_READ_MAX = SESSION_HELD_MAX,
    SESSION_TURN_READS = 4,    /* reads before others get a turn */
};

#define TO(phase) (1U << SESSION_##phase)

/* Who may follow whom. Any open phase may end. */
static const unsigned session_moves[SESSION_PHASE_COUNT] = {
    [SESSION_NEW] = TO(PROXY_HEADER) | TO(HANDSHAKE) | TO(COMMAND),
    [SESSION_PROXY_HEADER] = TO(HANDSHAKE) | TO(COMMAND),
    [SESSION_HANDSHAKE] = TO(COMMAND) | TO(ASKED) | TO(DELAY),
    [SESSION_COMMAND] = TO(HANDSHAKE) | TO(ASKED) | TO(BACKEND) | TO(DELAY) | TO(CLOSING),
    [SESSION_ASKED] = TO(BACKEND) | TO(DELAY) | TO(CLOSING),
    [SESSION_BACKEND] = TO(DELAY) | TO(CLOSING),
    [SESSION_DELAY] = TO(COMMAND) | TO(CLOSING),
    [SESSION_CLOSING] = 0,
    [SESSION_OVER] = 0,
};

#undef TO

/* Sets when the phase must be over, from now. */
static void session_set_deadline(struct session *session, uint64_t ms)
{
    struct timeval after = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(&session->deadline, &after);
}

static uint64_t session_login_left_ms(const struct session *session)
{
    uint64_t now_ms = clock_monotonic_ms();
    return session->login_by_ms > now_ms ? session->login_by_ms - now_ms : 1;
}

/* A session is a stranger in the phases in which it is waited for. */
static bool session_phase_waits(enum session_phase phase)
{
    return phase == SESSION_PROXY_HEADER || phase == SESSION_HANDSHAKE || phase == SESSION_COMMAND ||
           phase == SESSION_CLOSING;
}

void session_enter(struct session *session, enum session_phase phase)
{
    invariant(session->phase != SESSION_OVER);
    invariant(phase == SESSION_OVER || (session_moves[session->phase] & 1U << phase) != 0);
    session->phase = phase;
    session_set_stranger(session, session_phase_waits(phase));
    switch (phase) {
    case SESSION_PROXY_HEADER:
    case SESSION_HANDSHAKE:
        session_set_deadline(session, session->settings->limits.handshake_ms);
        break;
    case SESSION_ASKED:
        session_set_deadline(session, session->listener->is_observed ? SESSION_OBSERVED_KEEPER_MS
                                                                     : SESSION_KEEPER_MS);
        break;
    case SESSION_COMMAND:
    case SESSION_BACKEND:
        session_set_deadline(session, session_login_left_ms(session));
        break;
    case SESSION_DELAY: {
        uint64_t passed_ms = clock_monotonic_ms() - session->login.begun_ms;
        uint64_t delay_ms = session->settings->limits.failure_delay_ms;
        bool waits = passed_ms < delay_ms && !session->login.is_prompt;
        session_set_deadline(session, waits ? delay_ms - passed_ms : 1);
        break;
    }
    case SESSION_CLOSING:
        session_set_deadline(session, SESSION_CLOSING_MS);
        break;
    case SESSION_NEW:
    case SESSION_OVER:
    case SESSION_PHASE_COUNT:
        break;
    }
}

static void session_on_deadline(evutil_socket_t fd, short what, void *argument)
{
    struct session *session = argument;
    (void)fd;
    (void)what;
    switch ((int)session->phase) {
    case SESSION_DELAY:
        login_answer_now(session);
        break;
    case SESSION_ASKED:
    case SESSION_BACKEND:
        login_on_timeout(session);
        break;
    case SESSION_COMMAND:
        session->protocol->say_goodbye(session, "Too slow, closing");
        session_close(session, "login timeout");
        break;
    case SESSION_HANDSHAKE:
    case SESSION_PROXY_HEADER:
        session_end(session, "handshake timeout");
        return;
    default:
        session_end(session, session->closing_reason);
        return;
    }
    session_run(session);
}

static void session_on_ready(struct stream *stream, void *owner)
{
    (void)stream;
    session_run(owner);
}

/* Counts the connection in, and files it where the oldest is looked for. */
static void session_enter_census(struct session *session, struct census_place *address,
                                 struct census_place *prefix)
{
    struct session_census *census = &session->census;
    census->address = address;
    census->prefix = prefix;
    census->everywhere.owner = session;
    census->at_address.owner = session;
    census->at_prefix.owner = session;
    if (address == NULL)
        return;
    census_enter(&session->gate->addresses, address);
    census_enter(&session->gate->prefixes, prefix);
}

void session_set_stranger(struct session *session, bool is_stranger)
{
    struct session_census *census = &session->census;
    if (census->is_stranger == is_stranger)
        return;
    census->is_stranger = is_stranger;
    if (is_stranger)
        TAILQ_INSERT_TAIL(&session->gate->strangers, &census->everywhere, link);
    else
        TAILQ_REMOVE(&session->gate->strangers, &census->everywhere, link);
    /* No rule closes what a listener observes; only want of descriptors may. */
    if (session->listener->is_observed || census->address == NULL)
        return;
    if (is_stranger) {
        TAILQ_INSERT_TAIL(&census->address->strangers, &census->at_address, link);
        TAILQ_INSERT_TAIL(&census->prefix->strangers, &census->at_prefix, link);
    } else {
        TAILQ_REMOVE(&census->address->strangers, &census->at_address, link);
        TAILQ_REMOVE(&census->prefix->strangers, &census->at_prefix, link);
    }
}

static void session_leave_census(struct session *session)
{
    session_set_stranger(session, false);
    if (session->census.address == NULL)
        return;
    census_leave(&session->gate->addresses, session->census.address);
    census_leave(&session->gate->prefixes, session->census.prefix);
    session->census.address = NULL;
}

void session_move_census(struct session *session, struct census_place *address,
                         struct census_place *prefix)
{
    bool was_stranger = session->census.is_stranger;
    session_leave_census(session);
    session_enter_census(session, address, prefix);
    session_set_stranger(session, was_stranger);
}

static void session_bury(struct grave *grave)
{
    struct session *session = container_of(grave, struct session, grave);
    settings_unref(session->settings);
    strbuf_fini(&session->output);
    strbuf_wipe(&session->held);
    strbuf_fini(&session->certificate_login);
    imap_reader_fini(&session->imap.reader);
    strbuf_fini(&session->imap.tag);
    strbuf_fini(&session->imap.client_id);
    strbuf_wipe(&session->imap.sasl_user);
    free(session);
}

/* What ending and handing over have in common. The client's socket is closed or gone. */
static void session_finish(struct session *session)
{
    struct gate *gate = session->gate;
    session_enter(session, SESSION_OVER);
    (void)event_del(&session->deadline);
    login_reset(session);
    session_leave_census(session);
    TAILQ_REMOVE(&gate->sessions, session, link);
    registry_remove(&gate->registry, &session->registered);
    reaper_add(&gate->reaper, &session->grave, session_bury);
}

/*
 * Whether the end gets a record of its own. What ends before TLS is there costs a stranger next to nothing
 * and left no other record: one of it from a network, and then how many.
 */
static bool session_end_is_told(const struct session *session, const char *reason)
{
    bool has_failed = session->phase == SESSION_HANDSHAKE && session->client.tls_failure != 0;
    if (session->is_health_check)
        return false;
    if (session->phase != SESSION_HANDSHAKE && session_is_secured(session))
        return true;
    return verdict_note_connection(session->listener, &session->peer.ip, TALLY_CONNECTION_ENDED, reason,
                                   has_failed ? "tls_handshake" : NULL);
}

static void session_log_end(const struct session *session, const char *reason)
{
    struct log_record record;
    if (!session_end_is_told(session, reason))
        return;
    log_begin(&record, LOG_INFO, "connection_ended");
    log_id(&record, "session", session->registered.id);
    log_ip(&record, "address", &session->peer.ip);
    log_text(&record, "listener", session->listener->name);
    log_text(&record, "reason", reason);
    if (session->client.failure != 0 || session->client.tls_failure != 0)
        log_text(&record, "error", stream_failure(&session->client));
    log_end(&record);
}

void session_end(struct session *session, const char *reason)
{
    struct gate *gate = session->gate;
    if (session->phase == SESSION_OVER)
        return;
    session_log_end(session, reason);
    stream_fini(&session->client);
    session_finish(session);
    gate_connection_ended(gate);
}

void session_hand_over(struct session *session)
{
    session_finish(session);
}

void session_know_peer(struct session *session)
{
    session->is_health_check = listener_is_health_check(session->listener, &session->peer.ip);
    session->is_trusted_client = listener_is_trusted_client(session->listener, &session->peer.ip);
}

bool session_start(struct gate *gate, const struct listener *listener, int fd,
                   const struct endpoint *peer, struct census_place *address,
                   struct census_place *prefix)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        (void)close(fd);
        return false;
    }
    session->gate = gate;
    session->listener = listener;
    session->settings = settings_ref(listener->settings);
    session->protocol = &session_protocol_imap;
    session->peer = *peer;
    session->login_by_ms = clock_monotonic_ms() + session->settings->limits.login_ms;
    strbuf_init(&session->output, SESSION_OUTPUT_MAX);
    strbuf_init(&session->held, SESSION_HELD_MAX);
    strbuf_init(&session->certificate_login, LOGIN_OCTETS_MAX);
    stream_init(&session->client, gate->loop, fd, session_on_ready, session);
    invariant(event_assign(&session->deadline, gate->loop, -1, 0, session_on_deadline, session) == 0);
    session->protocol->reset(session);
    session_know_peer(session);
    listener_local_endpoint(fd, &session->local);
    session_enter_census(session, address, prefix);
    TAILQ_INSERT_TAIL(&gate->sessions, session, link);
    registry_add(&gate->registry, &session->registered, gate_new_id(gate), REGISTERED_SESSION);
    gate->connections++;
    if (listener->proxy_source_count > 0)
        session_enter(session, SESSION_PROXY_HEADER);
    else
        session_begin_protocol(session);
    session_run(session);
    return true;
}

void session_begin_protocol(struct session *session)
{
    if (session->listener->tls == LISTENER_TLS_IMPLICIT) {
        session_start_tls(session);
        return;
    }
    session_enter(session, SESSION_COMMAND);
    session->protocol->greet(session);
}

void session_reply(struct session *session, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    invariant(len >= 0 && (size_t)len < sizeof text);
    strbuf_append_span(&session->output, span_make(text, (size_t)len));
}

void session_close(struct session *session, const char *reason)
{
    session->closing_reason = reason;
    session_enter(session, SESSION_CLOSING);
}

/* Writes what waits. False when the session is over. */
static bool session_flush(struct session *session)
{
    while (session->output.len > 0) {
        size_t sent = 0;
        switch (stream_write(&session->client, strbuf_span(&session->output), &sent)) {
        case STREAM_OK:
            strbuf_consume(&session->output, sent);
            break;
        case STREAM_AGAIN:
            return true;
        case STREAM_END:
        case STREAM_FAILED:
            session_end(session, "connection lost");
            return false;
        }
    }
    return true;
}

/* Gives the protocol what was held back. */
static void session_take_held(struct session *session)
{
    struct span input = strbuf_span(&session->held);
    size_t had = input.len;
    session->protocol->take_input(session, &input);
    if (session->phase != SESSION_OVER)
        strbuf_consume(&session->held, had - input.len);
}

/*
 * Reads once and gives it to the protocol; what that does not take is held. False when there is
 * nothing to read, or the session is over.
 */
static bool session_read(struct session *session)
{
    struct gate *gate = session->gate;
    size_t got = 0;
    switch (stream_read(&session->client, gate->scratch, SESSION_READ_MAX, &got)) {
    case STREAM_OK:
        break;
    case STREAM_AGAIN:
        return false;
    case STREAM_END:
        session_end(session, "client closed");
        return false;
    case STREAM_FAILED:
        session_end(session, "connection lost");
        return false;
    }
    strbuf_append_span(&session->held, span_make(gate->scratch, got));
    explicit_bzero(gate->scratch, got);
    session_take_held(session);
    return session->phase != SESSION_OVER;
}

/* Reads and handles commands until there is nothing to read or nobody to read it. */
static void session_take_commands(struct session *session)
{
    if (session->held.len > 0)
        session_take_held(session);
    for (int i = 0; i < SESSION_TURN_READS && session->phase == SESSION_COMMAND; i++)
        if (!session_read(session))
            return;
}

/* Says what is waited for, now that all that could be done was done. */
static void session_wait(struct session *session)
{
    unsigned wanted = 0;
    if (session->phase == SESSION_COMMAND || session->phase == SESSION_HANDSHAKE ||
        session->phase == SESSION_PROXY_HEADER)
        wanted |= STREAM_READ;
    if (session->output.len > 0 && session->phase != SESSION_HANDSHAKE)
        wanted |= STREAM_WRITE;
    stream_want(&session->client, wanted);
}

/* One step of a phase that the socket can move on. */
static void session_step(struct session *session)
{
    switch ((int)session->phase) {
    case SESSION_PROXY_HEADER:
        listener_take_proxy_header(session);
        break;
    case SESSION_HANDSHAKE:
        session_continue_handshake(session);
        break;
    case SESSION_COMMAND:
        session_take_commands(session);
        break;
    default:
        break;
    }
}

void session_run(struct session *session)
{
    enum session_phase before;
    if (session->phase == SESSION_OVER)
        return;
    do {
        before = session->phase;
        session_step(session);
        if (session->phase == SESSION_OVER)
            return;
        if (strbuf_failed(&session->output)) {
            session_end(session, "client does not read");
            return;
        }
        if (session->phase != SESSION_HANDSHAKE && !session_flush(session))
            return;
    } while (session->phase != before);
    if (session->phase == SESSION_CLOSING && session->output.len == 0) {
        session_end(session, session->closing_reason);
        return;
    }
    session_wait(session);
}
