/* SCRAM's messages; see scram_message.h. Called from the broker's prove.c. */
#include "protocol/scram_message.h"

#include <string.h>

#include "base/base64.h"

/* RFC 5802 section 5.1: "," and "=" would end the value. */
static void scram_append_name(struct strbuf *buf, struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == ',')
            strbuf_append(buf, "=2C");
        else if (name.at[i] == '=')
            strbuf_append(buf, "=3D");
        else if (name.at[i] == '\0')
            buf->failed = true;
        else
            strbuf_append_byte(buf, name.at[i]);
    }
}

void scram_append_header(struct strbuf *buf, struct span authorization)
{
    strbuf_append(buf, "n,a=");
    scram_append_name(buf, authorization);
    strbuf_append_byte(buf, ',');
}

void scram_append_first(struct strbuf *buf, struct span name, struct span nonce)
{
    strbuf_append(buf, "n=");
    scram_append_name(buf, name);
    strbuf_append(buf, ",r=");
    strbuf_append_span(buf, nonce);
}

/* Cuts "x=value" off the front; false when it begins otherwise, or the value is empty. */
static bool scram_take(struct span *rest, char key, struct span *ret_value)
{
    struct span field = rest->at == NULL ? SPAN_NONE : span_cut(rest, ',');
    if (field.len < 3 || field.at[0] != (uint8_t)key || field.at[1] != '=')
        return false;
    *ret_value = span_from(field, 2);
    return true;
}

/* Printable ASCII; a comma has ended it already. */
static bool scram_is_nonce(struct span nonce, struct span our_nonce)
{
    if (nonce.len <= our_nonce.len || nonce.len > SCRAM_NONCE_MAX ||
        !span_equal(span_first(nonce, our_nonce.len), our_nonce))
        return false;
    for (size_t i = 0; i < nonce.len; i++)
        if (nonce.at[i] <= ' ' || nonce.at[i] >= 0x7f)
            return false;
    return true;
}

static bool scram_read_salt(struct span text, struct scram_challenge *challenge)
{
    auto_strbuf struct strbuf salt = STRBUF(SCRAM_SALT_MAX);
    if (!base64_decode(text, &salt) || strbuf_failed(&salt) || salt.len == 0)
        return false;
    memcpy(challenge->salt, salt.at, salt.len);
    challenge->salt_len = salt.len;
    return true;
}

bool scram_parse_challenge(struct span message, struct span our_nonce,
                           struct scram_challenge *ret_challenge)
{
    struct scram_challenge challenge = {.salt_len = 0};
    struct span salt;
    struct span digits;
    uint64_t iterations;
    if (message.len > SCRAM_MESSAGE_MAX || !scram_take(&message, 'r', &challenge.nonce) ||
        !scram_take(&message, 's', &salt) || !scram_take(&message, 'i', &digits) ||
        !scram_is_nonce(challenge.nonce, our_nonce) || !scram_read_salt(salt, &challenge) ||
        !span_to_u64(digits, SCRAM_ITERATIONS_MAX, &iterations) || iterations < SCRAM_ITERATIONS_MIN)
        return false;
    challenge.iterations = (uint32_t)iterations;
    *ret_challenge = challenge;
    return true;
}

void scram_append_final(struct strbuf *buf, struct span header, struct span nonce)
{
    strbuf_append(buf, "c=");
    base64_encode(header, buf);
    strbuf_append(buf, ",r=");
    strbuf_append_span(buf, nonce);
}
