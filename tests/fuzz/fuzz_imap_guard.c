/*
 * The client's side of a relayed session. Claims: the verdict is the same however the octets are
 * cut, and the same that a plain reading of each line gives.
 */
#include "fuzz.h"
#include "protocol/imap_guard.h"

static bool ends_word(uint8_t c)
{
    return c <= ' ' || (c != 0 && strchr("()\"{", c) != NULL);
}

static struct span skip_spaces(struct span text)
{
    while (text.len > 0 && text.at[0] <= ' ')
        text = span_from(text, 1);
    return text;
}

/* True when text begins with word and what follows it ends it; *rest is then what follows. */
static bool take_word(struct span text, struct span word, struct span *rest)
{
    *rest = span_from(text, word.len);
    return span_starts_nocase(text, word) && rest->len > 0 && ends_word(rest->at[0]);
}

/* line includes its line end, unless it is the last. */
static enum imap_guard_verdict judge_line(struct span line, bool may_compress)
{
    struct span text = skip_spaces(line);
    while (text.len > 0 && text.at[0] > ' ')
        text = span_from(text, 1);
    text = skip_spaces(text);
    struct span rest;
    if (take_word(text, SPAN("UNAUTHENTICATE"), &rest))
        return IMAP_GUARD_UNAUTHENTICATE;
    if (may_compress || !take_word(text, SPAN("COMPRESS"), &rest))
        return IMAP_GUARD_PASS;
    if (rest.at[0] == '(' || rest.at[0] == ')')
        rest = span_from(rest, 1);
    rest = skip_spaces(rest);
    struct span after;
    if (rest.len > 0 && (rest.at[0] == '"' || rest.at[0] == '{'))
        return IMAP_GUARD_COMPRESS;
    return take_word(rest, SPAN("DEFLATE"), &after) ? IMAP_GUARD_COMPRESS : IMAP_GUARD_PASS;
}

static enum imap_guard_verdict judge(struct span input, bool may_compress)
{
    enum imap_guard_verdict verdict = IMAP_GUARD_PASS;
    while (verdict == IMAP_GUARD_PASS && input.len > 0) {
        size_t len = 0;
        while (len < input.len && input.at[len] != '\r' && input.at[len] != '\n')
            len++;
        verdict = judge_line(span_first(input, len + 1), may_compress);
        input = span_from(input, len + 1);
    }
    return verdict;
}

static enum imap_guard_verdict watch(struct span input, enum fuzz_cutting cutting,
                                     bool may_compress)
{
    struct imap_guard guard;
    imap_guard_init(&guard, may_compress);
    enum imap_guard_verdict verdict = IMAP_GUARD_PASS;
    struct fuzz_pieces pieces = fuzz_cut(input, cutting);
    struct span piece;
    while (verdict == IMAP_GUARD_PASS && fuzz_next_piece(&pieces, &piece))
        verdict = imap_guard_watch(&guard, piece);
    fuzz_pieces_fini(&pieces);
    return verdict;
}

static void check(struct span input, bool may_compress)
{
    enum imap_guard_verdict expected = judge(input, may_compress);
    for (enum fuzz_cutting cutting = FUZZ_WHOLE; cutting < FUZZ_CUTTING_COUNT; cutting++)
        invariant(watch(input, cutting, may_compress) == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    check(span_make(octets, len), false);
    check(span_make(octets, len), true);
    return 0;
}
