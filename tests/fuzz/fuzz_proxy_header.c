/*
 * What a peer that may send PROXY headers sends first. Claims: a careful reader, who reads as many
 * octets as are said to be missing, ends with the same result and never holds an octet of what
 * follows; a prefix of a good header is unfinished; what was bad stays bad; addresses written anew
 * read back.
 */
#include "fuzz.h"
#include "protocol/proxy_header.h"

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    return ip_equal(&a->ip, &b->ip) && a->port == b->port;
}

static bool same_header(const struct proxy_header *a, const struct proxy_header *b)
{
    return a->is_local == b->is_local && same_endpoint(&a->source, &b->source) &&
           same_endpoint(&a->destination, &b->destination);
}

/* Parses a copy of exactly that length, so that a read beyond it is seen. */
static enum proxy_header_result parse(struct span have, struct proxy_header *header, size_t *len)
{
    uint8_t *copy = malloc(have.len == 0 ? 1 : have.len);
    invariant(copy != NULL);
    if (have.len > 0)
        memcpy(copy, have.at, have.len);
    enum proxy_header_result result = proxy_header_parse(span_make(copy, have.len), header, len);
    free(copy);
    return result;
}

static void check_careful_reader(struct span input, enum proxy_header_result expected,
                                 const struct proxy_header *expected_header, size_t expected_len)
{
    size_t have = 0;
    for (;;) {
        struct proxy_header header;
        size_t len = 0;
        enum proxy_header_result result = parse(span_first(input, have), &header, &len);
        if (result == PROXY_HEADER_MORE) {
            invariant(len > 0 && have + len <= PROXY_HEADER_MAX);
            have += len;
            if (have <= input.len)
                continue;
            /* The input ends inside; a whole header would have been found. */
            invariant(expected != PROXY_HEADER_DONE);
            return;
        }
        invariant(result == expected);
        if (result == PROXY_HEADER_DONE)
            invariant(len == have && len == expected_len && same_header(&header, expected_header));
        return;
    }
}

/* Each prefix as far as addresses go, and some of the TLVs, which the parser reads only when whole. */
static void check_prefixes(struct span input, enum proxy_header_result expected, size_t whole)
{
    enum { EACH = 128, STEP = 101 };
    bool was_bad = false;
    size_t last = input.len < PROXY_HEADER_MAX ? input.len : PROXY_HEADER_MAX;
    for (size_t i = 0; i < last; i += i < EACH ? 1 : STEP) {
        struct proxy_header header;
        size_t len = 0;
        enum proxy_header_result result = parse(span_first(input, i), &header, &len);
        if (expected == PROXY_HEADER_DONE && i < whole)
            invariant(result == PROXY_HEADER_MORE && len <= whole - i);
        if (was_bad)
            invariant(result == PROXY_HEADER_BAD);
        was_bad = result == PROXY_HEADER_BAD;
    }
    if (was_bad)
        invariant(expected == PROXY_HEADER_BAD);
}

static void check_rewritten(const struct proxy_header *header)
{
    auto_strbuf struct strbuf written = STRBUF(128);
    struct proxy_header again;
    size_t len = 0;
    proxy_header_write(&header->source, &header->destination, true, false, &written);
    invariant(!strbuf_failed(&written));
    invariant(parse(strbuf_span(&written), &again, &len) == PROXY_HEADER_DONE);
    invariant(len == written.len && same_header(&again, header));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct span input = span_make(octets, len);
    struct proxy_header header = {.is_local = false};
    size_t whole = 0;
    enum proxy_header_result result = parse(input, &header, &whole);
    if (result == PROXY_HEADER_DONE) {
        invariant(whole <= len && whole <= PROXY_HEADER_MAX);
        if (!header.is_local)
            check_rewritten(&header);
    }
    check_careful_reader(input, result, &header, whole);
    check_prefixes(input, result, whole);
    return 0;
}
