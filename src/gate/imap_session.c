/*
 * IMAP before login (RFC 9051 section 6.1 and 6.2): the greeting, and a row for each command that is
 * taken. Called from session.c with what the client sent; LOGIN goes on in login.c, AUTHENTICATE in
 * imap_authenticate.c.
 *
 * Says nothing of which software speaks, here or behind the gate.
 */
#include "gate/imap_session.h"

#include "base/invariant.h"
#include "base/log.h"
#include "gate/gate.h"
#include "gate/listener.h"
#include "gate/verdict.h"
#include "protocol/imap_response.h"

enum {
    IMAP_CLIENT_ID_MAX = 8192, /* the client's ID as it goes on to the backend */
    IMAP_SCRATCH_MAX = IMAP_COMMAND_MAX,
};

/* --- Replies -------------------------------------------------------------------------------------- */

void imap_answer(struct session *session, const char *status, const char *text)
{
    strbuf_append_span(&session->output, strbuf_span(&session->imap.tag));
    session_reply(session, " %s %s\r\n", status, text);
}

/* What can be done now, on this connection. */
static void imap_append_capabilities(const struct session *session, struct strbuf *buf)
{
    strbuf_append(buf, "CAPABILITY IMAP4rev1 LITERAL- ID SASL-IR");
    if (!session_is_secured(session)) {
        strbuf_append(buf, " STARTTLS LOGINDISABLED");
        return;
    }
    for (int mechanism = 0; mechanism < SASL_MECHANISM_COUNT; mechanism++)
        if (login_offers(session, (enum sasl_mechanism)mechanism))
            strbuf_format(buf, " AUTH=%s", sasl_mechanism_name((enum sasl_mechanism)mechanism));
    if (!login_offers(session, SASL_PLAIN))
        strbuf_append(buf, " LOGINDISABLED");
}

static void imap_greet(struct session *session)
{
    session->is_greeted = true;
    strbuf_append(&session->output, "* OK [");
    imap_append_capabilities(session, &session->output);
    session_reply(session, "] %s IMAP\r\n", session->settings->hostname);
}

static void imap_reset(struct session *session)
{
    struct imap_dialogue *imap = &session->imap;
    imap_reader_fini(&imap->reader);
    imap_reader_init(&imap->reader);
    strbuf_fini(&imap->tag);
    strbuf_init(&imap->tag, IMAP_TAG_MAX);
    strbuf_fini(&imap->client_id);
    strbuf_init(&imap->client_id, IMAP_CLIENT_ID_MAX);
    strbuf_wipe(&imap->sasl_user);
    strbuf_init(&imap->sasl_user, SASL_MESSAGE_MAX);
    imap->sasl_step = 0;
    session->commands = 0;
    session->failures = 0;
}

static void imap_say_goodbye(struct session *session, const char *text)
{
    session_reply(session, "* BYE %s\r\n", text);
}

/* Status and text of a refusal; %s is the login's own text. */
static const struct {
    const char *code;
    const char *text;
} imap_refusals[LOGIN_OUTCOME_COUNT] = {
    [LOGIN_REFUSED] = {"AUTHENTICATIONFAILED", "Authentication failed"},
    [LOGIN_CERTIFICATE_REFUSED] = {"AUTHENTICATIONFAILED", "Your certificate is refused"},
    [LOGIN_CERTIFICATE_NEEDED] = {"AUTHENTICATIONFAILED", "A client certificate is needed here"},
    [LOGIN_NOT_OFFERED] = {"AUTHENTICATIONFAILED", "This way to log in is not offered here"},
    [LOGIN_NAME_DIFFERS] = {"AUTHENTICATIONFAILED", "Your certificate is for another user"},
    [LOGIN_UNAVAILABLE] = {"UNAVAILABLE", "Temporarily unavailable, try again later"},
    [LOGIN_LIMIT] = {"LIMIT", "Too many sessions are open"},
};

static void imap_answer_login(struct session *session, enum login_outcome outcome, const char *text)
{
    const char *code = imap_refusals[outcome].code;
    const char *sentence = imap_refusals[outcome].text;
    if (session->is_greeted) {
        strbuf_append_span(&session->output, strbuf_span(&session->imap.tag));
        session_reply(session, " NO [%s] %s", code, sentence);
    } else {
        session_reply(session, "* BYE [%s] %s", code, sentence);
    }
    if (text != NULL)
        session_reply(session, ": %s", text);
    strbuf_append(&session->output, "\r\n");
}

static void imap_answer_success(struct session *session, struct span capabilities, struct strbuf *reply)
{
    if (session->is_greeted) {
        strbuf_append_span(reply, strbuf_span(&session->imap.tag));
        strbuf_append(reply, " OK [CAPABILITY ");
    } else {
        strbuf_append(reply, "* PREAUTH [CAPABILITY ");
    }
    imap_capability_filter(capabilities, reply);
    strbuf_append(reply, "] Logged in\r\n");
}

/* --- Commands ---------------------------------------------------------------------------------------- */

typedef void imap_command_fn(struct session *session, struct span arguments);

static void imap_on_capability(struct session *session, struct span arguments)
{
    (void)arguments;
    strbuf_append(&session->output, "* ");
    imap_append_capabilities(session, &session->output);
    strbuf_append(&session->output, "\r\n");
    imap_answer(session, "OK", "Done");
}

static void imap_on_noop(struct session *session, struct span arguments)
{
    (void)arguments;
    imap_answer(session, "OK", "Done");
}

static void imap_on_logout(struct session *session, struct span arguments)
{
    (void)arguments;
    imap_say_goodbye(session, "Logging out");
    imap_answer(session, "OK", "Done");
    session_close(session, "logged out");
}

static void imap_keep_id(struct session *session, const struct imap_id_pair *pairs, size_t count)
{
    struct strbuf *kept = &session->imap.client_id;
    strbuf_reset(kept);
    imap_append_client_id(kept, pairs, count);
    if (strbuf_failed(kept))
        strbuf_reset(kept);
}

static void imap_log_id(const struct session *session, const struct imap_id_pair *pairs, size_t count)
{
    static const char *const logged[] = {"name", "version", "vendor", "os"};
    struct log_record record;
    log_begin(&record, LOG_INFO, "client_id");
    log_id(&record, "session", session->registered.id);
    log_ip(&record, "address", &session->peer.ip);
    for (size_t i = 0; i < count; i++)
        for (size_t field = 0; field < sizeof logged / sizeof logged[0]; field++)
            if (span_equal_nocase(pairs[i].key, span_of(logged[field])) && pairs[i].value.at != NULL)
                log_span(&record, logged[field], span_first(pairs[i].value, 64));
    log_end(&record);
}

/* What a webmail server says of its client: NULL, or why that is not believed. */
static const char *imap_take_client_address(struct session *session, const struct imap_id_pair *pairs,
                                            size_t count)
{
    const struct imap_id_pair *said = NULL;
    struct ip ip;
    for (size_t i = 0; i < count; i++) {
        if (!span_equal_nocase(pairs[i].key, SPAN("x-originating-ip")))
            continue;
        if (said != NULL)
            return "x-originating-ip is there twice";
        said = &pairs[i];
    }
    if (said == NULL)
        return NULL;
    if (said->value.at == NULL || !ip_parse(said->value, &ip))
        return "x-originating-ip is no address";
    if (session->has_client_address)
        return ip_equal(&ip, &session->peer.ip) ? NULL : "x-originating-ip was another before";
    if (!listener_use_client_address(session, &ip))
        return "x-originating-ip has too many connections";
    session->has_client_address = true;
    return NULL;
}

static void imap_refuse_client_address(struct session *session, const char *why)
{
    struct log_record record;
    log_begin(&record, LOG_WARNING, "client_address_refused");
    log_id(&record, "session", session->registered.id);
    log_ip(&record, "address", &session->peer.ip);
    log_text(&record, "listener", session->listener->name);
    log_text(&record, "reason", why);
    log_end(&record);
    imap_answer(session, "NO", why);
    session_close(session, "client address refused");
}

static void imap_on_id(struct session *session, struct span arguments)
{
    auto_strbuf struct strbuf scratch = STRBUF(IMAP_SCRATCH_MAX);
    struct imap_id_pair pairs[IMAP_ID_PAIRS_MAX];
    size_t count = 0;
    if (!imap_parse_id(arguments, &scratch, pairs, &count)) {
        imap_answer(session, "BAD", "Malformed ID");
        return;
    }
    /* In clear anybody on the way could have said it. */
    const char *why = session->is_trusted_client && session_is_secured(session)
                          ? imap_take_client_address(session, pairs, count)
                          : NULL;
    if (session->phase != SESSION_COMMAND)
        return;
    if (why != NULL) {
        imap_refuse_client_address(session, why);
        return;
    }
    imap_log_id(session, pairs, count);
    imap_keep_id(session, pairs, count);
    strbuf_append(&session->output, "* ID NIL\r\n");
    imap_answer(session, "OK", "Done");
}

static void imap_on_login(struct session *session, struct span arguments)
{
    auto_strbuf_wipe struct strbuf scratch = STRBUF(IMAP_SCRATCH_MAX);
    struct login_request request = {.mechanism = SASL_PLAIN};
    struct sasl_credentials *credentials = &request.credentials;
    if (!imap_take_astring(&arguments, &scratch, &credentials->authentication) ||
        !imap_take_astring(&arguments, &scratch, &credentials->secret) || arguments.len > 0) {
        imap_answer(session, "BAD", "LOGIN takes a name and a password");
        return;
    }
    login_begin(session, &request);
}

/* --- The table ----------------------------------------------------------------------------------------- */

struct imap_command_row {
    const char *name;
    bool needs_tls;
    bool has_arguments;
    imap_command_fn *handle;
};

static imap_command_fn imap_on_starttls;

static const struct imap_command_row imap_commands[] = {
    {"CAPABILITY", false, false, imap_on_capability},
    {"NOOP", false, false, imap_on_noop},
    {"LOGOUT", false, false, imap_on_logout},
    {"ID", false, true, imap_on_id},
    {"STARTTLS", false, false, imap_on_starttls},
    {"LOGIN", true, true, imap_on_login},
    {"AUTHENTICATE", true, true, imap_on_authenticate},
};

static const struct imap_command_row *imap_find_command(struct span name)
{
    for (size_t i = 0; i < sizeof imap_commands / sizeof imap_commands[0]; i++)
        if (span_equal_nocase(name, span_of(imap_commands[i].name)))
            return &imap_commands[i];
    return NULL;
}

static void imap_on_starttls(struct session *session, struct span arguments)
{
    (void)arguments;
    if (session_is_secured(session) || session->listener->tls != LISTENER_TLS_STARTTLS) {
        imap_answer(session, "BAD", "TLS is active already");
        return;
    }
    imap_answer(session, "OK", "Begin TLS negotiation now");
    session->wants_tls = true;
}

/* A verb of HTTP where a tag should be: a browser was led here by somebody (ALPACA). */
static bool imap_is_http(struct span text)
{
    static const char *const verbs[] = {"GET ",     "POST ",    "HEAD ",  "PUT ", "DELETE ",
                                        "OPTIONS ", "CONNECT ", "TRACE ", "PATCH ", "PRI "};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (span_starts_nocase(text, span_of(verbs[i])))
            return true;
    return false;
}

static void imap_on_bad(struct session *session, const char *text)
{
    if (session->imap.tag.len == 0)
        strbuf_append_byte(&session->imap.tag, '*');
    imap_answer(session, "BAD", text);
}

/* Every command counts, good or bad: a stranger has no reason to send many. */
static bool imap_may_go_on(struct session *session)
{
    if (++session->commands <= session->settings->limits.commands_before_login ||
        !rule_refuses(session->listener, &session->peer.ip, session, RULE_COMMANDS))
        return true;
    imap_say_goodbye(session, "Too many commands before login");
    session_close(session, "too many commands");
    return false;
}

static void imap_on_command(struct session *session, struct span text)
{
    struct imap_command command;
    strbuf_reset(&session->imap.tag);
    if (imap_is_http(text)) {
        session_end(session, "HTTP");
        return;
    }
    if (!imap_may_go_on(session))
        return;
    bool is_whole = imap_command_split(text, &command);
    strbuf_append_span(&session->imap.tag, command.tag);
    if (!is_whole) {
        imap_on_bad(session, "No command");
        return;
    }
    const struct imap_command_row *row = imap_find_command(command.name);
    if (row == NULL)
        imap_answer(session, "BAD", "Not before login, or unknown");
    else if (row->has_arguments != (command.arguments.at != NULL))
        imap_answer(session, "BAD", row->has_arguments ? "Missing arguments" : "No arguments are taken");
    else if (row->needs_tls && !session_is_secured(session))
        imap_answer(session, "NO", "[PRIVACYREQUIRED] Use STARTTLS first");
    else
        row->handle(session, command.arguments);
}

/* --- Input ------------------------------------------------------------------------------------------------ */

/*
 * The answer to STARTTLS leaves in clear, and then TLS is all there is. What came behind the command
 * was sent in clear by somebody who may not be the client (CVE-2011-0411): the connection ends.
 */
static void imap_begin_tls(struct session *session, struct span input)
{
    size_t sent = 0;
    session->wants_tls = false;
    if (input.len > 0 || !imap_reader_is_empty(&session->imap.reader)) {
        struct log_record record;
        log_begin(&record, LOG_WARNING, "starttls_injection");
        log_id(&record, "session", session->registered.id);
        log_ip(&record, "address", &session->peer.ip);
        log_text(&record, "listener", session->listener->name);
        log_end(&record);
        session_end(session, "octets behind STARTTLS");
        return;
    }
    if (stream_write(&session->client, strbuf_span(&session->output), &sent) != STREAM_OK ||
        sent != session->output.len) {
        session_end(session, "connection lost");
        return;
    }
    strbuf_reset(&session->output);
    imap_reset(session);
    session_start_tls(session);
}

/* A bad answer to a challenge is answered under AUTHENTICATE's tag: what it holds is no tag but a secret. */
static void imap_take_bad(struct session *session)
{
    struct imap_reader *reader = &session->imap.reader;
    if (session->imap.sasl_step == 0) {
        struct imap_command command;
        (void)!imap_command_split(imap_reader_text(reader), &command);
        strbuf_reset(&session->imap.tag);
        strbuf_append_span(&session->imap.tag, command.tag);
    }
    session->imap.sasl_step = 0;
    if (imap_may_go_on(session))
        imap_on_bad(session, reader->problem);
}

static void imap_handle(struct session *session, enum imap_event event)
{
    struct imap_reader *reader = &session->imap.reader;
    switch (event) {
    case IMAP_EVENT_MORE:
        break;
    case IMAP_EVENT_LITERAL:
        strbuf_append(&session->output, "+ OK\r\n");
        break;
    case IMAP_EVENT_COMMAND:
        imap_on_command(session, imap_reader_text(reader));
        break;
    case IMAP_EVENT_LINE:
        imap_on_sasl_line(session, imap_reader_text(reader));
        break;
    case IMAP_EVENT_BAD:
        imap_take_bad(session);
        break;
    case IMAP_EVENT_FATAL:
        imap_say_goodbye(session, reader->problem);
        session_close(session, reader->problem);
        break;
    }
}

static void imap_take_input(struct session *session, struct span *input)
{
    while (input->len > 0 && session->phase == SESSION_COMMAND) {
        imap_handle(session, imap_reader_feed(&session->imap.reader, input));
        if (session->wants_tls)
            imap_begin_tls(session, *input);
    }
}

const struct session_protocol session_protocol_imap = {
    .alpn = "imap",
    .greet = imap_greet,
    .take_input = imap_take_input,
    .reset = imap_reset,
    .answer_login = imap_answer_login,
    .answer_success = imap_answer_success,
    .say_goodbye = imap_say_goodbye,
};
