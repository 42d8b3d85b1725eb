/*
 * Takes SASL messages apart and puts them together; see sasl.h. The login core calls the parser with
 * what base64_decode() gave, makes the names canonical, and writes the backend's message anew from the
 * fields: what the client sent goes nowhere as it came.
 */
#include "protocol/sasl.h"

static const uint8_t sasl_kvsep = 0x01; /* ^A, RFC 7628 section 3.1 */

static const char *const sasl_names[SASL_MECHANISM_COUNT] = {
    [SASL_PLAIN] = "PLAIN",
    [SASL_LOGIN] = "LOGIN",
    [SASL_EXTERNAL] = "EXTERNAL",
    [SASL_OAUTHBEARER] = "OAUTHBEARER",
    [SASL_XOAUTH2] = "XOAUTH2",
};

const char *sasl_mechanism_name(enum sasl_mechanism mechanism)
{
    return mechanism < SASL_MECHANISM_COUNT ? sasl_names[mechanism] : "unknown";
}

enum sasl_mechanism sasl_mechanism_parse(struct span name)
{
    for (unsigned i = 0; i < SASL_MECHANISM_COUNT; i++)
        if (span_equal_nocase(name, span_of(sasl_names[i])))
            return (enum sasl_mechanism)i;
    return SASL_UNKNOWN;
}

bool sasl_parse_plain(struct span message, struct sasl_credentials *ret_credentials)
{
    if (message.len > SASL_MESSAGE_MAX)
        return false;
    struct sasl_credentials found;
    struct span rest = message;
    found.authorization = span_cut(&rest, 0);
    if (rest.at == NULL)
        return false;
    found.authentication = span_cut(&rest, 0);
    found.secret = rest;
    if (found.authentication.len == 0 || found.secret.len == 0 || span_has(found.secret, 0))
        return false;
    *ret_credentials = found;
    return true;
}

bool sasl_parse_external(struct span message, struct sasl_credentials *ret_credentials)
{
    if (message.len > SASL_MESSAGE_MAX || span_has(message, 0))
        return false;
    *ret_credentials = (struct sasl_credentials){.authorization = message};
    return true;
}

/* True when text begins with head, octet for octet. */
static bool sasl_starts(struct span text, struct span head)
{
    return text.len >= head.len && span_equal(span_first(text, head.len), head);
}

/* A token is one or more visible ASCII characters: a superset of RFC 6750's b64token. */
static bool sasl_is_token(struct span token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.at[i] <= 0x20 || token.at[i] >= 0x7f)
            return false;
    return token.len > 0;
}

/* Reads "Bearer token", the scheme in any case (RFC 9110 section 11.1). */
static bool sasl_parse_bearer(struct span value, struct span *ret_token)
{
    const struct span scheme = SPAN("Bearer ");
    if (!span_starts_nocase(value, scheme))
        return false;
    struct span token = span_from(value, scheme.len);
    if (!sasl_is_token(token))
        return false;
    *ret_token = token;
    return true;
}

/* Decodes =2C and =3D (RFC 5801 section 4) into scratch; a name without them stays where it is. */
static bool sasl_decode_name(struct span name, struct strbuf *scratch, struct span *ret_name)
{
    if (!span_has(name, '=')) {
        *ret_name = name;
        return name.len > 0;
    }
    size_t begin = scratch->len;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (c == '=') {
            struct span code = span_first(span_from(name, i + 1), 2);
            if (span_equal_nocase(code, SPAN("2C")))
                c = ',';
            else if (!span_equal_nocase(code, SPAN("3D")))
                return false;
            i += 2;
        }
        strbuf_append_byte(scratch, c);
    }
    *ret_name = span_from(strbuf_span(scratch), begin);
    return !strbuf_failed(scratch);
}

/* Letters only, RFC 7628 section 3.1. */
static bool sasl_is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++)
        if (ascii_lower(key.at[i]) < 'a' || ascii_lower(key.at[i]) > 'z')
            return false;
    return key.len > 0;
}

/* Reads "key=value^A" up to the ^A that ends the message; the one "auth" is the token. */
static bool sasl_parse_pairs(struct span pairs, struct span *ret_token)
{
    struct span token = SPAN_NONE;
    while (pairs.len > 0 && pairs.at[0] != sasl_kvsep) {
        struct span value = span_cut(&pairs, sasl_kvsep);
        struct span key = span_cut(&value, '=');
        if (value.at == NULL || !sasl_is_key(key))
            return false;
        if (!span_equal(key, SPAN("auth")))
            continue;
        if (token.at != NULL || !sasl_parse_bearer(value, &token))
            return false;
    }
    if (pairs.len != 1 || token.at == NULL)
        return false;
    *ret_token = token;
    return true;
}

bool sasl_parse_oauthbearer(struct span message, struct strbuf *scratch,
                            struct sasl_credentials *ret_credentials)
{
    if (message.len > SASL_MESSAGE_MAX || span_has(message, 0))
        return false;
    struct sasl_credentials found = {.authorization = {NULL, 0}};
    struct span rest = message;
    struct span binding = span_cut(&rest, ',');
    struct span name = span_cut(&rest, ',');
    /* The mechanism binds to no channel: "y" says that the client could have, "p" can't be. */
    if (!span_equal(binding, SPAN("n")) && !span_equal(binding, SPAN("y")))
        return false;
    if (!sasl_starts(name, SPAN("a=")) || rest.len == 0 || rest.at[0] != sasl_kvsep)
        return false;
    if (span_has(name, sasl_kvsep) ||
        !sasl_decode_name(span_from(name, 2), scratch, &found.authentication))
        return false;
    if (!sasl_parse_pairs(span_from(rest, 1), &found.secret))
        return false;
    *ret_credentials = found;
    return true;
}

bool sasl_parse_xoauth2(struct span message, struct sasl_credentials *ret_credentials)
{
    if (message.len > SASL_MESSAGE_MAX || span_has(message, 0))
        return false;
    struct sasl_credentials found = {.authorization = {NULL, 0}};
    struct span rest = message;
    struct span user = span_cut(&rest, sasl_kvsep);
    if (!sasl_starts(user, SPAN("user=")) || user.len == 5)
        return false;
    found.authentication = span_from(user, 5);
    if (!sasl_parse_pairs(rest, &found.secret))
        return false;
    *ret_credentials = found;
    return true;
}

/* True when no field holds the octet that separates fields; else the buffer fails. */
static bool sasl_may_write(const struct sasl_credentials *credentials, uint8_t separator,
                           struct strbuf *buf)
{
    if (span_has(credentials->authorization, separator) ||
        span_has(credentials->authentication, separator) ||
        span_has(credentials->secret, separator))
        buf->failed = true;
    return !buf->failed;
}

void sasl_write_plain(const struct sasl_credentials *credentials, struct strbuf *buf)
{
    if (!sasl_may_write(credentials, 0, buf))
        return;
    strbuf_append_span(buf, credentials->authorization);
    strbuf_append_byte(buf, 0);
    strbuf_append_span(buf, credentials->authentication);
    strbuf_append_byte(buf, 0);
    strbuf_append_span(buf, credentials->secret);
}

static void sasl_append_bearer(struct span token, struct strbuf *buf)
{
    strbuf_append_byte(buf, sasl_kvsep);
    strbuf_append(buf, "auth=Bearer ");
    strbuf_append_span(buf, token);
    strbuf_append_byte(buf, sasl_kvsep);
    strbuf_append_byte(buf, sasl_kvsep);
}

void sasl_write_oauthbearer(const struct sasl_credentials *credentials, struct strbuf *buf)
{
    if (!sasl_may_write(credentials, sasl_kvsep, buf))
        return;
    struct span name = credentials->authentication;
    strbuf_append(buf, "n,a=");
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == ',')
            strbuf_append(buf, "=2C");
        else if (name.at[i] == '=')
            strbuf_append(buf, "=3D");
        else
            strbuf_append_byte(buf, name.at[i]);
    }
    strbuf_append_byte(buf, ',');
    sasl_append_bearer(credentials->secret, buf);
}

void sasl_write_xoauth2(const struct sasl_credentials *credentials, struct strbuf *buf)
{
    if (!sasl_may_write(credentials, sasl_kvsep, buf))
        return;
    strbuf_append(buf, "user=");
    strbuf_append_span(buf, credentials->authentication);
    sasl_append_bearer(credentials->secret, buf);
}
