/*
 * A SCRAM server's challenge, and names as we write them. Claims: what is taken lies within its bounds and
 * begins with our nonce; written anew it is read as the same; a name of any octets adds no field.
 */
#include "base/base64.h"
#include "fuzz.h"
#include "protocol/scram_message.h"

static void check_challenge(struct span input)
{
    struct span ours = SPAN("abc");
    struct scram_challenge challenge;
    struct scram_challenge again;
    if (!scram_parse_challenge(input, ours, &challenge))
        return;
    invariant(challenge.nonce.len > ours.len && challenge.nonce.len <= SCRAM_NONCE_MAX);
    invariant(span_equal(span_first(challenge.nonce, ours.len), ours));
    invariant(challenge.salt_len > 0 && challenge.salt_len <= SCRAM_SALT_MAX);
    invariant(challenge.iterations >= SCRAM_ITERATIONS_MIN && challenge.iterations <= SCRAM_ITERATIONS_MAX);
    auto_strbuf struct strbuf text = STRBUF(SCRAM_MESSAGE_MAX);
    strbuf_append(&text, "r=");
    strbuf_append_span(&text, challenge.nonce);
    strbuf_append(&text, ",s=");
    base64_encode(span_make(challenge.salt, challenge.salt_len), &text);
    strbuf_format(&text, ",i=%u", challenge.iterations);
    invariant(scram_parse_challenge(strbuf_span(&text), ours, &again));
    invariant(span_equal(again.nonce, challenge.nonce) && again.iterations == challenge.iterations);
    invariant(span_equal(span_make(again.salt, again.salt_len), span_make(challenge.salt, challenge.salt_len)));
}

static size_t commas(const struct strbuf *text)
{
    size_t count = 0;
    for (size_t i = 0; i < text->len; i++)
        count += text->at[i] == ',';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct span input = span_make(octets, len);
    auto_strbuf struct strbuf text = STRBUF(SCRAM_FIRST_MAX);
    check_challenge(input);
    scram_append_header(&text, span_first(input, 320));
    scram_append_first(&text, span_first(input, 255), SPAN("abc"));
    invariant(strbuf_failed(&text) || commas(&text) == 3);
    return 0;
}
