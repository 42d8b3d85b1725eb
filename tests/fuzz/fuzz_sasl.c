/*
 * A SASL message, decoded from base64. Claims: fields hold no separator and lie in the message or the
 * scratch buffer; what is written from parsed fields reads back as the same fields; and whatever is
 * put into the fields, a message that the writer makes reads back as those or not at all.
 */
#include "fuzz.h"
#include "protocol/sasl.h"

enum { KVSEP = 1 };

static bool same(const struct sasl_credentials *a, const struct sasl_credentials *b)
{
    return span_equal(a->authorization, b->authorization) &&
           span_equal(a->authentication, b->authentication) && span_equal(a->secret, b->secret);
}

static void check_token(struct span token)
{
    invariant(token.len > 0);
    for (size_t i = 0; i < token.len; i++)
        invariant(token.at[i] > 0x20 && token.at[i] < 0x7f);
}

static void check_plain(struct span message)
{
    struct sasl_credentials found;
    if (!sasl_parse_plain(message, &found))
        return;
    invariant(found.authentication.len > 0 && found.secret.len > 0);
    invariant(!span_has(found.authorization, 0) && !span_has(found.authentication, 0) &&
              !span_has(found.secret, 0));
    auto_strbuf struct strbuf written = STRBUF(SASL_MESSAGE_MAX);
    sasl_write_plain(&found, &written);
    invariant(span_equal(strbuf_span(&written), message)); /* there is one form only */
}

static void check_external(struct span message)
{
    struct sasl_credentials found;
    bool is_good = sasl_parse_external(message, &found);
    invariant(is_good == (message.len <= SASL_MESSAGE_MAX && !span_has(message, 0)));
    if (is_good)
        invariant(span_equal(found.authorization, message) && found.authentication.len == 0 &&
                  found.secret.len == 0);
}

static void check_oauthbearer(struct span message)
{
    auto_strbuf struct strbuf scratch = STRBUF(SASL_MESSAGE_MAX);
    auto_strbuf struct strbuf again_scratch = STRBUF(SASL_MESSAGE_MAX);
    auto_strbuf struct strbuf written = STRBUF(4 * SASL_MESSAGE_MAX);
    struct sasl_credentials found;
    struct sasl_credentials again;
    if (!sasl_parse_oauthbearer(message, &scratch, &found))
        return;
    invariant(found.authentication.len > 0 && found.authorization.len == 0);
    invariant(!span_has(found.authentication, 0) && !span_has(found.authentication, KVSEP));
    check_token(found.secret);
    sasl_write_oauthbearer(&found, &written);
    invariant(!strbuf_failed(&written));
    invariant(sasl_parse_oauthbearer(strbuf_span(&written), &again_scratch, &again));
    invariant(same(&found, &again));
}

static void check_xoauth2(struct span message)
{
    auto_strbuf struct strbuf written = STRBUF(SASL_MESSAGE_MAX);
    struct sasl_credentials found;
    struct sasl_credentials again;
    if (!sasl_parse_xoauth2(message, &found))
        return;
    invariant(found.authentication.len > 0 && found.authorization.len == 0);
    invariant(!span_has(found.authentication, 0) && !span_has(found.authentication, KVSEP));
    check_token(found.secret);
    sasl_write_xoauth2(&found, &written);
    invariant(!strbuf_failed(&written));
    invariant(sasl_parse_xoauth2(strbuf_span(&written), &again));
    invariant(same(&found, &again));
}

/* Fields as some other grammar may deliver them, IMAP's literals among them. */
static void check_writers(struct span input)
{
    auto_strbuf struct strbuf plain = STRBUF(SASL_MESSAGE_MAX);
    auto_strbuf struct strbuf oauthbearer = STRBUF(SASL_MESSAGE_MAX);
    auto_strbuf struct strbuf xoauth2 = STRBUF(SASL_MESSAGE_MAX);
    auto_strbuf struct strbuf scratch = STRBUF(SASL_MESSAGE_MAX);
    struct span rest = input;
    struct sasl_credentials given;
    struct sasl_credentials found;
    given.authorization = span_cut(&rest, '\n');
    given.authentication = span_cut(&rest, '\n');
    given.secret = rest;
    sasl_write_plain(&given, &plain);
    if (!strbuf_failed(&plain) && sasl_parse_plain(strbuf_span(&plain), &found))
        invariant(same(&given, &found));
    given.authorization = SPAN_NONE;
    sasl_write_oauthbearer(&given, &oauthbearer);
    if (!strbuf_failed(&oauthbearer) &&
        sasl_parse_oauthbearer(strbuf_span(&oauthbearer), &scratch, &found))
        invariant(same(&given, &found));
    sasl_write_xoauth2(&given, &xoauth2);
    if (!strbuf_failed(&xoauth2) && sasl_parse_xoauth2(strbuf_span(&xoauth2), &found))
        invariant(same(&given, &found));
}

static void check_mechanism(struct span name)
{
    enum sasl_mechanism mechanism = sasl_mechanism_parse(name);
    if (mechanism != SASL_UNKNOWN)
        invariant(span_equal_nocase(name, span_of(sasl_mechanism_name(mechanism))));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct span message = span_make(octets, len);
    check_plain(message);
    check_external(message);
    check_oauthbearer(message);
    check_xoauth2(message);
    check_writers(message);
    check_mechanism(message);
    return 0;
}
