/*
 * What is said to an IMAP backend up to the login, and what its answers mean; see login_steps.h. Each
 * step is a row: how its answer is taken, and what comes next.
 *
 * A backend is trusted with the user's password but not with our state: answers that nobody asked for
 * end it, and what came before STARTTLS is not remembered behind it (CVE-2021-33515).
 */
#include <stdio.h>

#include "backend/login_steps.h"
#include "base/base64.h"
#include "base/secret.h"
#include "protocol/imap_command.h"
#include "protocol/scram_message.h"

/* Tags, one a purpose. */
#define TAG_STARTTLS   "p1"
#define TAG_CAPABILITY "p2"
#define TAG_ID         "p3"
#define TAG_LOGIN      "p4"
#define TAG_AFTER      "p5"

/* --- What is said ---------------------------------------------------------------------------------- */

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
    if (endpoint->port != 0) /* of a webmail server's client nobody said it */
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

/* As master user, where the password is elsewhere. */
static bool backend_is_scram(const struct backend_login *login)
{
    return login->request.mechanism == SASL_EXTERNAL && login->request.scram_first.at != NULL;
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
        if (backend_is_scram(login)) {
            strbuf_append_span(&message, login->request.scram_first);
            break;
        }
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
    if (backend_is_scram(login))
        return SPAN("SCRAM-SHA-256");
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
    if (backend_is_scram(login) && !backend_can(login, strbuf_span(&capability))) {
        /* Its passwords may well work: this is not a reason to hold it for dead. */
        login->problem = "it offers no SCRAM-SHA-256, which a certificate alone needs under TLS";
        return backend_finish(login, BACKEND_LOGIN_UNAVAILABLE);
    }
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

enum backend_turn backend_ready(struct backend_login *login)
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

enum backend_turn backend_say_proof(struct backend_login *login, struct span message)
{
    base64_encode(message, &login->out);
    strbuf_append(&login->out, "\r\n");
    backend_enter(login, STEP_LOGIN, login->request.backend->reply_ms);
    return strbuf_failed(&login->out) ? backend_fail(login, "out of memory") : TURN_ON;
}

/* The challenge, which goes to whoever has the password, or the proof that the backend knows it too. */
static enum backend_turn backend_take_scram(struct backend_login *login, struct span text)
{
    auto_strbuf struct strbuf message = STRBUF(SCRAM_MESSAGE_MAX);
    if (!base64_decode(text, &message) || strbuf_failed(&message))
        return backend_fail(login, "it does not speak SCRAM-SHA-256");
    if (login->verifier.len == 0) {
        backend_enter(login, STEP_PROOF, login->request.backend->reply_ms);
        login->request.on_challenge(login, strbuf_span(&message), login->owner);
        return login->is_done ? TURN_OVER : TURN_ON;
    }
    if (login->is_verified || !secret_equal(strbuf_span(&message), strbuf_span(&login->verifier)))
        return backend_fail(login, "it does not prove that it knows the master user's password");
    login->is_verified = true;
    strbuf_append(&login->out, "\r\n");
    return TURN_ON;
}

/* While the other half is awaited the backend has nothing to say. */
static enum backend_turn backend_on_early(struct backend_login *login, enum imap_response_kind kind,
                                          const struct imap_response *response)
{
    (void)kind;
    (void)response;
    return backend_fail(login, "it answers before it was asked");
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
    if (kind == IMAP_RESPONSE_CONTINUATION && backend_is_scram(login))
        return backend_take_scram(login, response->text);
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
    if (backend_is_scram(login) && !login->is_verified)
        return backend_fail(login, "it does not prove that it knows the master user's password");
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
    [STEP_PROOF] = backend_on_early,
    [STEP_LOGIN] = backend_on_login,
    [STEP_CAPABILITY_AFTER] = backend_on_capability,
};

enum backend_turn backend_answer(struct backend_login *login, enum imap_response_kind kind,
                                 const struct imap_response *response)
{
    return backend_answers[login->step](login, kind, response);
}
