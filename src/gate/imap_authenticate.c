/*
 * AUTHENTICATE (RFC 9051 section 6.2.2, SASL-IR by RFC 4959): takes the mechanism and its one or two
 * messages, and hands the credentials to login.c. Called from imap_session.c.
 */
#include "base/base64.h"
#include "gate/imap_session.h"

/* Which line of the exchange is awaited. */
enum {
    SASL_NO_EXCHANGE,
    SASL_AWAITS_MESSAGE,  /* the one message of PLAIN, EXTERNAL, OAuth */
    SASL_AWAITS_USER,     /* LOGIN's first */
    SASL_AWAITS_PASSWORD, /* LOGIN's second */
};

/* LOGIN's prompts, as every client expects them. */
#define SASL_PROMPT_USER     "VXNlcm5hbWU6"
#define SASL_PROMPT_PASSWORD "UGFzc3dvcmQ6"

static void imap_challenge(struct session *session, uint8_t step, const char *text)
{
    session->imap.sasl_step = step;
    session_reply(session, "+ %s\r\n", text);
    imap_reader_expect_line(&session->imap.reader);
}

static void imap_end_exchange(struct session *session, const char *text)
{
    session->imap.sasl_step = SASL_NO_EXCHANGE;
    strbuf_wipe(&session->imap.sasl_user);
    if (text != NULL)
        imap_answer(session, "BAD", text);
}

static bool imap_parse_message(struct session *session, struct span message, struct strbuf *scratch,
                               struct sasl_credentials *ret_credentials)
{
    switch (session->imap.mechanism) {
    case SASL_PLAIN:
        return sasl_parse_plain(message, ret_credentials);
    case SASL_EXTERNAL:
        return sasl_parse_external(message, ret_credentials);
    case SASL_OAUTHBEARER:
        return sasl_parse_oauthbearer(message, scratch, ret_credentials);
    case SASL_XOAUTH2:
        return sasl_parse_xoauth2(message, ret_credentials);
    case SASL_LOGIN:
    case SASL_UNKNOWN:
        break;
    }
    return false;
}

static void imap_on_message(struct session *session, struct span message)
{
    auto_strbuf_wipe struct strbuf scratch = STRBUF(SASL_MESSAGE_MAX);
    struct login_request request = {.mechanism = session->imap.mechanism};
    if (!imap_parse_message(session, message, &scratch, &request.credentials)) {
        imap_end_exchange(session, "Malformed message of the mechanism");
        return;
    }
    imap_end_exchange(session, NULL);
    login_begin(session, &request);
}

static void imap_on_login_user(struct session *session, struct span message)
{
    strbuf_reset(&session->imap.sasl_user);
    strbuf_append_span(&session->imap.sasl_user, message);
    if (message.len == 0 || span_has(message, 0) || strbuf_failed(&session->imap.sasl_user))
        imap_end_exchange(session, "Malformed user name");
    else
        imap_challenge(session, SASL_AWAITS_PASSWORD, SASL_PROMPT_PASSWORD);
}

static void imap_on_login_password(struct session *session, struct span message)
{
    auto_strbuf_wipe struct strbuf user = STRBUF(SASL_MESSAGE_MAX);
    struct login_request request = {.mechanism = SASL_LOGIN};
    strbuf_append_span(&user, strbuf_span(&session->imap.sasl_user));
    imap_end_exchange(session, NULL);
    if (message.len == 0 || span_has(message, 0) || strbuf_failed(&user)) {
        imap_answer(session, "BAD", "Malformed password");
        return;
    }
    request.credentials.authentication = strbuf_span(&user);
    request.credentials.secret = message;
    login_begin(session, &request);
}

/* A message of the exchange, still in base64; "=" is the empty one (RFC 4959 section 3). */
static void imap_take_message(struct session *session, struct span text)
{
    auto_strbuf_wipe struct strbuf message = STRBUF(SASL_MESSAGE_MAX);
    if (!span_equal(text, SPAN("=")) && !base64_decode(text, &message)) {
        imap_end_exchange(session, "Not base64, or too long");
        return;
    }
    switch (session->imap.sasl_step) {
    case SASL_AWAITS_USER:
        imap_on_login_user(session, strbuf_span(&message));
        break;
    case SASL_AWAITS_PASSWORD:
        imap_on_login_password(session, strbuf_span(&message));
        break;
    default:
        imap_on_message(session, strbuf_span(&message));
        break;
    }
}

void imap_on_sasl_line(struct session *session, struct span line)
{
    if (span_equal(line, SPAN("*")))
        imap_end_exchange(session, "Cancelled");
    else
        imap_take_message(session, line);
}

void imap_on_authenticate(struct session *session, struct span arguments)
{
    struct span name;
    struct span initial = SPAN_NONE;
    if (!imap_take_atom(&arguments, &name) ||
        (arguments.len > 0 && !imap_take_atom(&arguments, &initial)) || arguments.len > 0) {
        imap_answer(session, "BAD", "AUTHENTICATE takes a mechanism");
        return;
    }
    session->imap.mechanism = sasl_mechanism_parse(name);
    if (session->imap.mechanism == SASL_UNKNOWN || !login_offers(session, session->imap.mechanism)) {
        imap_answer(session, "NO", "[CANNOT] This mechanism is not offered");
        return;
    }
    bool is_login = session->imap.mechanism == SASL_LOGIN;
    session->imap.sasl_step = is_login ? SASL_AWAITS_USER : SASL_AWAITS_MESSAGE;
    if (initial.at != NULL)
        imap_take_message(session, initial);
    else
        imap_challenge(session, session->imap.sasl_step, is_login ? SASL_PROMPT_USER : "");
}
