/*
 * The dialogue with an IMAP backend up to the login; see login.h. Called from the gate's login.c and
 * from health.c. Each step is a row: how its answer is taken, and what comes next.
 *
 * A backend is trusted with the user's password but not with our memory or our state: lines and
 * waiting are bounded, answers that nobody asked for end it, and what came before STARTTLS is not
 * remembered behind it (CVE-2021-33515).
 */
#include "backend/login.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/tls_client.h"
#include "base/base64.h"
#include "base/container_of.h"
#include "base/invariant.h"
#include "protocol/imap_command.h"
#include "protocol/imap_response.h"
#include "protocol/proxy_header.h"

enum {
    BACKEND_IN_MAX = 4 * IMAP_RESPONSE_MAX,
    BACKEND_OUT_MAX = 4 * SASL_MESSAGE_MAX,
    BACKEND_READ_SIZE = 8192,
};

enum backend_step {
    STEP_CONNECT,
    STEP_HANDSHAKE,
    STEP_GREETING,
    STEP_STARTTLS,
    STEP_CAPABILITY,
    STEP_CONTINUATION, /* AUTHENTICATE without SASL-IR: "+" is awaited */
    STEP_LOGIN,        /* the tagged answer to the credentials */
    STEP_CAPABILITY_AFTER,
    STEP_COUNT,
};

/* Tags, one a purpose. */
#define TAG_STARTTLS   "p1"
#define TAG_CAPABILITY "p2"
#define TAG_ID         "p3"
#define TAG_LOGIN      "p4"
#define TAG_AFTER      "p5"

/* What an answer did. */
enum backend_turn {
    TURN_WAIT, /* more must be read */
    TURN_ON,   /* look at the next line, or step */
    TURN_OVER, /* finished, one way or the other */
};

static void backend_login_run(struct backend_login *login);

/* --- Ends ---------------------------------------------------------------------------------------- */

static enum backend_turn backend_finish(struct backend_login *login, enum backend_login_result result)
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

/* This address does not do; the next may, unless it already holds the credentials. */
static enum backend_turn backend_fail(struct backend_login *login, const char *problem)
{
    backend_note(login->request.backend, login->address, false, problem);
    login->problem = problem;
    stream_fini(&login->stream);
    if (!login->is_sent && backend_try_next(login))
        return TURN_OVER;
    return backend_finish(login, BACKEND_LOGIN_UNAVAILABLE);
}

/* --- What is said ---------------------------------------------------------------------------------- */

static void backend_enter(struct backend_login *login, enum backend_step step, uint32_t ms)
{
    struct timeval after = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    login->step = (uint8_t)step;
    (void)event_add(&login->deadline, &after);
}

static bool backend_can(const struct backend_login *login, struct span capability)
{
    return imap_capability_has(strbuf_span(&login->capabilities), capability);
}

static void backend_keep_capabilities(struct backend_login *login, struct span capabilities)
{
    if (capabilities.at == NULL)
        return;
    strbuf_reset(&login->capabilities);
    strbuf_append_span(&login->capabilities, capabilities);
}

static void backend_append_pair(struct strbuf *out, const char *key, struct span value)
{
    strbuf_format(out, "\"%s\" ", key);
    imap_append_string(out, value);
    strbuf_append_byte(out, ' ');
}

static void backend_append_endpoint(struct strbuf *out, const char *ip_key, const char *port_key,
                                    const struct endpoint *endpoint)
{
    char text[IP_TEXT_SIZE];
    char port[8];
    ip_format(&endpoint->ip, text);
    (void)snprintf(port, sizeof port, "%u", endpoint->port);
    backend_append_pair(out, ip_key, span_of(text));
    backend_append_pair(out, port_key, span_of(port));
}

/* The client's address and session, in the fields that Dovecot takes from trusted networks. */
static void backend_say_id(struct backend_login *login)
{
    const struct backend_login_request *request = &login->request;
    struct strbuf *out = &login->out;
    char session[17];
    (void)snprintf(session, sizeof session, "%016llx", (unsigned long long)request->session);
    strbuf_append(out, TAG_ID " ID (");
    backend_append_endpoint(out, "x-originating-ip", "x-originating-port", request->client);
    backend_append_endpoint(out, "x-connected-ip", "x-connected-port", request->local);
    backend_append_pair(out, "x-session-id", span_of(session));
    strbuf_append_span(out, request->client_id);
    if (out->at[out->len - 1] == ' ')
        strbuf_truncate(out, out->len - 1);
    strbuf_append(out, ")\r\n");
}

/* The user's name as the backend knows it. */
static struct span backend_user(const struct backend_login *login)
{
    struct span user = login->request.login;
    if (login->request.backend->username == USERNAME_LOCAL)
        user = span_first(user, span_find(user, '@'));
    return user;
}

static void backend_append_message(struct backend_login *login, struct strbuf *out)
{
    const struct backend *backend = login->request.backend;
    struct sasl_credentials credentials = {.authorization = SPAN(""),
                                           .authentication = backend_user(login),
                                           .secret = login->request.secret};
    auto_strbuf_wipe struct strbuf message = STRBUF(SASL_MESSAGE_MAX);
    switch ((int)login->request.mechanism) {
    case SASL_OAUTHBEARER:
        sasl_write_oauthbearer(&credentials, &message);
        break;
    case SASL_XOAUTH2:
        sasl_write_xoauth2(&credentials, &message);
        break;
    case SASL_EXTERNAL:
        credentials.authorization = backend_user(login);
        credentials.authentication = span_of(backend->master_user);
        credentials.secret = secret_span(&backend->master_password);
        sasl_write_plain(&credentials, &message);
        break;
    default:
        sasl_write_plain(&credentials, &message);
        break;
    }
    base64_encode(strbuf_span(&message), out);
    if (strbuf_failed(&message))
        out->failed = true;
    strbuf_append(out, "\r\n");
}

/* For a backend without SASL PLAIN: the LOGIN command, if it can carry this name and password. */
static bool backend_say_login_command(struct backend_login *login)
{
    struct strbuf *out = &login->out;
    size_t begin = out->len;
    if (login->request.mechanism != SASL_PLAIN || backend_can(login, SPAN("LOGINDISABLED")))
        return false;
    strbuf_append(out, TAG_LOGIN " LOGIN ");
    imap_append_string(out, backend_user(login));
    strbuf_append_byte(out, ' ');
    imap_append_string(out, login->request.secret);
    bool has_literal = span_has(span_from(strbuf_span(out), begin), '\n');
    strbuf_append(out, "\r\n");
    return !has_literal || backend_can(login, SPAN("LITERAL+")) || backend_can(login, SPAN("LITERAL-"));
}

static struct span backend_mechanism(const struct backend_login *login)
{
    if (login->request.mechanism == SASL_OAUTHBEARER)
        return SPAN("OAUTHBEARER");
    return login->request.mechanism == SASL_XOAUTH2 ? SPAN("XOAUTH2") : SPAN("PLAIN");
}

/* Sends ID and the credentials behind each other: one round trip. */
static enum backend_turn backend_say_credentials(struct backend_login *login)
{
    struct span mechanism = backend_mechanism(login);
    auto_strbuf struct strbuf capability = STRBUF(32);
    strbuf_append(&capability, "AUTH=");
    strbuf_append_span(&capability, mechanism);
    if (login->request.only != NULL)
        return backend_finish(login, BACKEND_LOGIN_OK);
    if (login->in.len > 0)
        return backend_fail(login, "it answers before it was asked");
    if (login->request.backend->identify == IDENTIFY_ID && backend_can(login, SPAN("ID")))
        backend_say_id(login);
    if (!backend_can(login, strbuf_span(&capability))) {
        if (!backend_say_login_command(login))
            return backend_fail(login, "it offers no way to log in that is needed here");
        backend_enter(login, STEP_LOGIN, login->request.backend->reply_ms);
    } else {
        strbuf_append(&login->out, TAG_LOGIN " AUTHENTICATE ");
        strbuf_append_span(&login->out, mechanism);
        if (backend_can(login, SPAN("SASL-IR"))) {
            strbuf_append_byte(&login->out, ' ');
            backend_append_message(login, &login->out);
            backend_enter(login, STEP_LOGIN, login->request.backend->reply_ms);
        } else {
            strbuf_append(&login->out, "\r\n");
            backend_enter(login, STEP_CONTINUATION, login->request.backend->reply_ms);
        }
    }
    login->is_sent = true;
    if (!strbuf_failed(&login->out))
        return TURN_ON;
    login->problem = "the credentials are too long for it";
    return backend_finish(login, BACKEND_LOGIN_UNAVAILABLE);
}

static enum backend_turn backend_say_capability(struct backend_login *login, const char *tag,
                                                enum backend_step step)
{
    strbuf_append(&login->out, tag);
    strbuf_append(&login->out, " CAPABILITY\r\n");
    backend_enter(login, step, login->request.backend->reply_ms);
    return TURN_ON;
}

/* --- What is answered -------------------------------------------------------------------------------- */

static bool backend_is_tag(const struct imap_response *response, const char *tag)
{
    return span_equal(response->tag, span_of(tag));
}

/* Connected and, where asked for, under TLS: can it be logged in to at once? */
static enum backend_turn backend_ready(struct backend_login *login)
{
    if (login->capabilities.len == 0)
        return backend_say_capability(login, TAG_CAPABILITY, STEP_CAPABILITY);
    return backend_say_credentials(login);
}

static enum backend_turn backend_on_greeting(struct backend_login *login, enum imap_response_kind kind,
                                             const struct imap_response *response)
{
    if (kind != IMAP_RESPONSE_UNTAGGED || response->status != IMAP_STATUS_OK)
        return backend_fail(login, "its greeting is not * OK");
    if (login->request.backend->tls == BACKEND_TLS_STARTTLS) {
        strbuf_append(&login->out, TAG_STARTTLS " STARTTLS\r\n");
        backend_enter(login, STEP_STARTTLS, login->request.backend->reply_ms);
        return TURN_ON;
    }
    backend_keep_capabilities(login, imap_response_capabilities(response));
    return backend_ready(login);
}

static enum backend_turn backend_start_handshake(struct backend_login *login)
{
    const struct backend *backend = login->request.backend;
    SSL *tls = tls_connect_new(backend->tls_context, backend->tls_name);
    if (tls == NULL || stream_start_tls(&login->stream, tls) != 0)
        return backend_fail(login, "out of memory");
    backend_enter(login, STEP_HANDSHAKE, backend->reply_ms);
    return TURN_ON;
}

static enum backend_turn backend_on_starttls(struct backend_login *login, enum imap_response_kind kind,
                                             const struct imap_response *response)
{
    if (kind == IMAP_RESPONSE_UNTAGGED)
        return TURN_ON; /* said in clear: not believed, not remembered */
    if (kind != IMAP_RESPONSE_TAGGED || !backend_is_tag(response, TAG_STARTTLS) ||
        response->status != IMAP_STATUS_OK)
        return backend_fail(login, "it refuses STARTTLS");
    if (login->in.len > 0)
        return backend_fail(login, "it sent something behind its answer to STARTTLS");
    return backend_start_handshake(login);
}

static enum backend_turn backend_on_capability(struct backend_login *login,
                                               enum imap_response_kind kind,
                                               const struct imap_response *response)
{
    const char *tag = login->step == STEP_CAPABILITY ? TAG_CAPABILITY : TAG_AFTER;
    if (kind == IMAP_RESPONSE_UNTAGGED && response->status != IMAP_STATUS_BYE) {
        backend_keep_capabilities(login, imap_response_capabilities(response));
        return TURN_ON;
    }
    if (kind != IMAP_RESPONSE_TAGGED || !backend_is_tag(response, tag) ||
        response->status != IMAP_STATUS_OK || login->capabilities.len == 0)
        return backend_fail(login, "it does not answer CAPABILITY");
    return login->step == STEP_CAPABILITY ? backend_say_credentials(login)
                                          : backend_finish(login, BACKEND_LOGIN_OK);
}

static enum backend_turn backend_on_continuation(struct backend_login *login,
                                                 enum imap_response_kind kind,
                                                 const struct imap_response *response)
{
    if (kind == IMAP_RESPONSE_UNTAGGED && response->status != IMAP_STATUS_BYE)
        return TURN_ON;
    if (kind == IMAP_RESPONSE_TAGGED && backend_is_tag(response, TAG_ID))
        return TURN_ON;
    if (kind != IMAP_RESPONSE_CONTINUATION)
        return backend_fail(login, "it does not take AUTHENTICATE");
    backend_append_message(login, &login->out);
    backend_enter(login, STEP_LOGIN, login->request.backend->reply_ms);
    return TURN_ON;
}

/* Codes of a NO that do not speak of the credentials (RFC 5530). */
static bool backend_code_is_temporary(struct span code)
{
    static const char *const temporary[] = {"UNAVAILABLE", "SERVERBUG", "CONTACTADMIN",
                                            "INUSE",       "LIMIT",     "OVERQUOTA"};
    for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
        if (span_equal_nocase(code, span_of(temporary[i])))
            return true;
    return false;
}

static enum backend_turn backend_on_login(struct backend_login *login, enum imap_response_kind kind,
                                          const struct imap_response *response)
{
    if (kind == IMAP_RESPONSE_UNTAGGED && response->status != IMAP_STATUS_BYE) {
        backend_keep_capabilities(login, imap_response_capabilities(response));
        return TURN_ON;
    }
    if (kind == IMAP_RESPONSE_TAGGED && backend_is_tag(response, TAG_ID))
        return TURN_ON;
    if (kind == IMAP_RESPONSE_CONTINUATION) {
        /* RFC 7628 section 3.2.3: the token is refused, and an answer ends the exchange. */
        strbuf_append(&login->out, login->request.mechanism == SASL_OAUTHBEARER ? "AQ==\r\n" : "\r\n");
        return TURN_ON;
    }
    if (kind != IMAP_RESPONSE_TAGGED || !backend_is_tag(response, TAG_LOGIN))
        return backend_fail(login, "it ended the connection during the login");
    if (response->status == IMAP_STATUS_NO)
        return backend_code_is_temporary(response->code)
                   ? backend_fail(login, "it says that it is unavailable")
                   : backend_finish(login, BACKEND_LOGIN_REFUSED);
    if (response->status != IMAP_STATUS_OK)
        return backend_fail(login, "it does not understand the login");
    struct span capabilities = imap_response_capabilities(response);
    if (capabilities.at == NULL) {
        strbuf_reset(&login->capabilities);
        return backend_say_capability(login, TAG_AFTER, STEP_CAPABILITY_AFTER);
    }
    backend_keep_capabilities(login, capabilities);
    return backend_finish(login, BACKEND_LOGIN_OK);
}

typedef enum backend_turn backend_answer_fn(struct backend_login *login, enum imap_response_kind kind,
                                            const struct imap_response *response);

static backend_answer_fn *const backend_answers[STEP_COUNT] = {
    [STEP_GREETING] = backend_on_greeting,
    [STEP_STARTTLS] = backend_on_starttls,
    [STEP_CAPABILITY] = backend_on_capability,
    [STEP_CONTINUATION] = backend_on_continuation,
    [STEP_LOGIN] = backend_on_login,
    [STEP_CAPABILITY_AFTER] = backend_on_capability,
};

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
    /* The line is out of the buffer before it is judged, so that "nothing behind it" can be asked. */
    auto_strbuf struct strbuf line = STRBUF(BACKEND_IN_MAX);
    size_t taken = login->in.len - input.len;
    strbuf_append_span(&line, span_first(strbuf_span(&login->in), taken));
    strbuf_consume(&login->in, taken);
    struct span copy = strbuf_span(&line);
    if (imap_response_take(&copy, &response) != kind)
        return backend_fail(login, "out of memory");
    return backend_answers[login->step](login, kind, &response);
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

static void backend_login_bury(struct grave *grave)
{
    struct backend_login *login = container_of(grave, struct backend_login, grave);
    strbuf_fini(&login->in);
    strbuf_wipe(&login->out);
    strbuf_fini(&login->capabilities);
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
