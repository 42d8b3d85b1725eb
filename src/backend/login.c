/*
 * The connection to a backend up to the login: addresses, socket, TLS, deadlines, ends; see login.h.
 * Called from the gate's login.c and from health.c. What is said on it is in imap_dialogue.c.
 *
 * A backend is trusted with the user's password but not with our memory or our time: lines, their
 * number, and waiting are bounded.
 */
#include "backend/login.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/login_steps.h"
#include "backend/tls_client.h"
#include "base/container_of.h"
#include "base/invariant.h"
#include "protocol/proxy_header.h"

enum {
    BACKEND_IN_MAX = 4 * IMAP_RESPONSE_MAX,
    BACKEND_OUT_MAX = 4 * SASL_MESSAGE_MAX,
    BACKEND_READ_SIZE = 8192,
    BACKEND_VERIFIER_MAX = 64, /* SCRAM-SHA-256: 46 */
    BACKEND_LINES_MAX = 200, /* of one login: a dozen are usual; more would keep the loop from others */
};

/* --- Ends ---------------------------------------------------------------------------------------- */

enum backend_turn backend_finish(struct backend_login *login, enum backend_login_result result)
{
    login->is_done = true;
    (void)event_del(&login->deadline);
    strbuf_wipe(&login->out);
    if (login->stream.fd >= 0)
        stream_want(&login->stream, 0);
    if (result != BACKEND_LOGIN_UNAVAILABLE)
        backend_note(login->request.backend, login->address, true, NULL);
    login->on_done(login, result, login->owner);
    return TURN_OVER;
}

static bool backend_try_next(struct backend_login *login);

enum backend_turn backend_fail(struct backend_login *login, const char *problem)
{
    backend_note(login->request.backend, login->address, false, problem);
    login->problem = problem;
    stream_fini(&login->stream);
    if (!login->is_sent && backend_try_next(login))
        return TURN_OVER;
    return backend_finish(login, BACKEND_LOGIN_UNAVAILABLE);
}

void backend_enter(struct backend_login *login, enum backend_step step, uint32_t ms)
{
    struct timeval after = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    login->step = (uint8_t)step;
    (void)event_add(&login->deadline, &after);
}

enum backend_turn backend_start_handshake(struct backend_login *login)
{
    const struct backend *backend = login->request.backend;
    SSL *tls = tls_connect_new(backend->tls_context, backend->tls_name);
    if (tls == NULL || stream_start_tls(&login->stream, tls) != 0)
        return backend_fail(login, "out of memory");
    backend_enter(login, STEP_HANDSHAKE, backend->reply_ms);
    return TURN_ON;
}

/* --- The socket ----------------------------------------------------------------------------------------- */

static enum backend_turn backend_on_connected(struct backend_login *login)
{
    const struct backend_login_request *request = &login->request;
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(login->stream.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        login->stream.failure = error;
        return backend_fail(login, "it does not accept connections");
    }
    if (request->backend->identify == IDENTIFY_PROXY)
        proxy_header_write(request->client, request->local, true, request->has_certificate,
                           &login->out);
    if (request->backend->tls == BACKEND_TLS_IMPLICIT) {
        /* The header goes in clear, in front of the handshake. */
        size_t sent = 0;
        if (login->out.len > 0 &&
            (stream_write(&login->stream, strbuf_span(&login->out), &sent) != STREAM_OK ||
             sent != login->out.len))
            return backend_fail(login, "it takes no PROXY header");
        strbuf_reset(&login->out);
        return backend_start_handshake(login);
    }
    backend_enter(login, STEP_GREETING, request->backend->connect_ms);
    return TURN_ON;
}

static enum backend_turn backend_on_handshake(struct backend_login *login)
{
    switch (stream_handshake(&login->stream)) {
    case STREAM_AGAIN:
        return TURN_WAIT;
    case STREAM_OK:
        break;
    case STREAM_END:
    case STREAM_FAILED:
        return backend_fail(login, SSL_get_verify_result(login->stream.tls) == X509_V_OK
                                       ? "the TLS handshake with it fails"
                                       : "its certificate can't be verified");
    }
    if (login->request.backend->tls == BACKEND_TLS_STARTTLS) {
        strbuf_reset(&login->capabilities);
        return backend_ready(login);
    }
    backend_enter(login, STEP_GREETING, login->request.backend->reply_ms);
    return TURN_ON;
}

/* Takes one line that is there already. */
static enum backend_turn backend_take_line(struct backend_login *login)
{
    struct span input = strbuf_span(&login->in);
    struct imap_response response;
    enum imap_response_kind kind = imap_response_take(&input, &response);
    if (kind == IMAP_RESPONSE_MORE)
        return TURN_WAIT;
    if (kind == IMAP_RESPONSE_MALFORMED)
        return backend_fail(login, "it does not speak IMAP");
    if (++login->lines > BACKEND_LINES_MAX)
        return backend_fail(login, "it says too much");
    /* The line is out of the buffer before it is judged, so that "nothing behind it" can be asked. */
    auto_strbuf struct strbuf line = STRBUF(BACKEND_IN_MAX);
    size_t taken = login->in.len - input.len;
    strbuf_append_span(&line, span_first(strbuf_span(&login->in), taken));
    strbuf_consume(&login->in, taken);
    struct span copy = strbuf_span(&line);
    if (imap_response_take(&copy, &response) != kind)
        return backend_fail(login, "out of memory");
    return backend_answer(login, kind, &response);
}

static enum backend_turn backend_read(struct backend_login *login)
{
    uint8_t octets[BACKEND_READ_SIZE] UNINITIALIZED;
    size_t got = 0;
    switch (stream_read(&login->stream, octets, sizeof octets, &got)) {
    case STREAM_AGAIN:
        return TURN_WAIT;
    case STREAM_OK:
        break;
    case STREAM_END:
    case STREAM_FAILED:
        return backend_fail(login, "it closed the connection");
    }
    strbuf_append_span(&login->in, span_make(octets, got));
    return strbuf_failed(&login->in) ? backend_fail(login, "it says too much") : TURN_ON;
}

static enum backend_turn backend_write(struct backend_login *login)
{
    while (login->out.len > 0) {
        size_t sent = 0;
        enum stream_result result = stream_write(&login->stream, strbuf_span(&login->out), &sent);
        if (result == STREAM_AGAIN)
            return TURN_WAIT;
        if (result != STREAM_OK)
            return backend_fail(login, "it closed the connection");
        strbuf_consume(&login->out, sent);
    }
    strbuf_wipe(&login->out);
    return TURN_ON;
}

static enum backend_turn backend_step(struct backend_login *login)
{
    if (login->step == STEP_CONNECT)
        return backend_on_connected(login);
    if (login->step == STEP_HANDSHAKE)
        return backend_on_handshake(login);
    enum backend_turn turn = backend_write(login);
    if (turn != TURN_ON)
        return turn;
    turn = backend_take_line(login);
    return turn == TURN_WAIT ? backend_read(login) : turn;
}

static void backend_login_run(struct backend_login *login)
{
    enum backend_turn turn;
    do
        turn = backend_step(login);
    while (turn == TURN_ON);
    if (turn == TURN_OVER)
        return;
    stream_want(&login->stream,
                STREAM_READ | (login->out.len > 0 && login->step != STEP_HANDSHAKE ? STREAM_WRITE : 0));
}

static void backend_on_ready(struct stream *stream, void *owner)
{
    struct backend_login *login = owner;
    (void)stream;
    if (!login->is_done)
        backend_login_run(login);
}

static void backend_on_deadline(evutil_socket_t fd, short what, void *argument)
{
    struct backend_login *login = argument;
    (void)fd;
    (void)what;
    if (login->is_done)
        return;
    if (login->address == NULL)
        (void)backend_finish(login, BACKEND_LOGIN_UNAVAILABLE);
    else
        (void)backend_fail(login, "it does not answer in time");
}

/* Begins with this address. False when it can't even be tried. */
static bool backend_try(struct backend_login *login, struct backend_address *address)
{
    struct backend *backend = login->request.backend;
    int fd = backend_connect(address);
    login->address = address;
    if (fd < 0) {
        login->problem = "no connection can be made";
        backend_note(backend, address, false, login->problem);
        return false;
    }
    stream_init(&login->stream, login->loop, fd, backend_on_ready, login);
    strbuf_reset(&login->in);
    strbuf_reset(&login->out);
    strbuf_reset(&login->capabilities);
    login->lines = 0;
    backend_enter(login, STEP_CONNECT, backend->connect_ms);
    stream_want(&login->stream, STREAM_WRITE);
    return true;
}

static bool backend_try_next(struct backend_login *login)
{
    struct backend_address *address;
    while ((address = backend_choose(login->request.backend, &login->tried)) != NULL)
        if (backend_try(login, address))
            return true;
    return false;
}

struct backend_login *backend_login_start(struct event_base *loop, struct reaper *reaper,
                                          const struct backend_login_request *request,
                                          backend_login_done_fn *on_done, void *owner)
{
    struct backend_login *login = calloc(1, sizeof *login);
    if (login == NULL)
        return NULL;
    login->request = *request;
    login->loop = loop;
    login->reaper = reaper;
    login->on_done = on_done;
    login->owner = owner;
    login->stream.fd = -1;
    strbuf_init(&login->in, BACKEND_IN_MAX);
    strbuf_init(&login->out, BACKEND_OUT_MAX);
    strbuf_init(&login->capabilities, IMAP_RESPONSE_MAX);
    strbuf_init(&login->verifier, BACKEND_VERIFIER_MAX);
    invariant(event_assign(&login->deadline, loop, -1, 0, backend_on_deadline, login) == 0);
    if (request->only != NULL)
        login->tried = UINT32_MAX; /* a health check tries no other */
    if (request->only != NULL ? !backend_try(login, request->only) : !backend_try_next(login)) {
        /* The owner hears of it from the loop, as of everything else. */
        login->address = NULL;
        event_active(&login->deadline, EV_TIMEOUT, 0);
    }
    return login;
}

void backend_login_prove(struct backend_login *login, struct span message, struct span verifier)
{
    if (login->is_done || login->step != STEP_PROOF)
        return;
    strbuf_append_span(&login->verifier, verifier);
    if (backend_say_proof(login, message) != TURN_OVER)
        backend_login_run(login);
}

static void backend_login_bury(struct grave *grave)
{
    struct backend_login *login = container_of(grave, struct backend_login, grave);
    strbuf_fini(&login->in);
    strbuf_wipe(&login->out);
    strbuf_fini(&login->capabilities);
    strbuf_fini(&login->verifier);
    free(login);
}

void backend_login_free(struct backend_login *login)
{
    if (login == NULL)
        return;
    login->is_done = true;
    (void)event_del(&login->deadline);
    stream_fini(&login->stream);
    strbuf_wipe(&login->out);
    reaper_add(login->reaper, &login->grave, backend_login_bury);
}

struct span backend_login_capabilities(const struct backend_login *login)
{
    return strbuf_span(&login->capabilities);
}

struct span backend_login_rest(const struct backend_login *login)
{
    return strbuf_span(&login->in);
}
