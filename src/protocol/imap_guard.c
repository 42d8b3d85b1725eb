/*
 * Stands in relay.c between what the client sent and what the backend gets. Reads less than IMAP on
 * purpose: lines, and in each line the second and third word; see imap_guard.h for why literals are
 * not told apart. Space is whatever some server may take for one.
 */
#include "protocol/imap_guard.h"

enum guard_state {
    GUARD_LINE_START, /* before the tag */
    GUARD_TAG,
    GUARD_GAP,        /* in the space before the word to compare */
    GUARD_WORD,       /* in that word, which matches so far */
    GUARD_REST,       /* nothing of interest before the line's end */
};

enum guard_word { WORD_UNAUTHENTICATE, WORD_COMPRESS, WORD_DEFLATE };

static const char *const guard_words[] = {
    [WORD_UNAUTHENTICATE] = "UNAUTHENTICATE",
    [WORD_COMPRESS] = "COMPRESS",
    [WORD_DEFLATE] = "DEFLATE",
};

void imap_guard_init(struct imap_guard *guard, bool may_compress)
{
    *guard = (struct imap_guard){
        .state = GUARD_LINE_START, .verdict = IMAP_GUARD_PASS, .may_compress = may_compress};
}

/* CR alone too: to some servers it ends a line. */
static bool ends_line(uint8_t c)
{
    return c == '\n' || c == '\r';
}

static bool is_space(uint8_t c)
{
    return c <= ' ';
}

static bool ends_word(uint8_t c)
{
    return is_space(c) || c == '(' || c == ')' || c == '"' || c == '{';
}

/* In the word: its next octet, or the one after it. */
static void compare_octet(struct imap_guard *guard, uint8_t c)
{
    uint8_t expected = (uint8_t)guard_words[guard->word][guard->matched];
    if (expected != '\0') {
        guard->matched++;
        if (ascii_lower(c) != ascii_lower(expected))
            guard->state = GUARD_REST;
        return;
    }
    if (!ends_word(c))
        guard->state = GUARD_REST;
    else if (guard->word == WORD_UNAUTHENTICATE)
        guard->verdict = IMAP_GUARD_UNAUTHENTICATE;
    else if (guard->word == WORD_DEFLATE || c == '"' || c == '{')
        guard->verdict = IMAP_GUARD_COMPRESS;
    else {
        guard->word = WORD_DEFLATE;
        guard->state = GUARD_GAP;
    }
}

/* In the space before a word. In quotes or as a literal an argument says DEFLATE in many ways. */
static void begin_word(struct imap_guard *guard, uint8_t c)
{
    if (is_space(c))
        return;
    if (guard->word == WORD_DEFLATE) {
        if (c == '"' || c == '{')
            guard->verdict = IMAP_GUARD_COMPRESS;
    } else {
        bool may_be_compress = ascii_lower(c) == 'c' && !guard->may_compress;
        guard->word = may_be_compress ? WORD_COMPRESS : WORD_UNAUTHENTICATE;
    }
    guard->matched = 0;
    guard->state = GUARD_WORD;
    compare_octet(guard, c);
}

/* One octet in any state but GUARD_REST; a line end ends a word like any space, then the line. */
static void watch_octet(struct imap_guard *guard, uint8_t c)
{
    if (guard->state == GUARD_LINE_START && !is_space(c)) {
        guard->state = GUARD_TAG;
    } else if (guard->state == GUARD_TAG && is_space(c)) {
        guard->word = WORD_UNAUTHENTICATE;
        guard->state = GUARD_GAP;
    } else if (guard->state == GUARD_GAP) {
        begin_word(guard, c);
    } else if (guard->state == GUARD_WORD) {
        compare_octet(guard, c);
    }
    if (ends_line(c))
        guard->state = GUARD_LINE_START;
}

/* Offset of the line end at or after offset at, or octets.len. */
static size_t find_line_end(struct span octets, size_t at)
{
    while (at < octets.len && !ends_line(octets.at[at]))
        at++;
    return at;
}

enum imap_guard_verdict imap_guard_watch(struct imap_guard *guard, struct span octets)
{
    for (size_t at = 0; at < octets.len && guard->verdict == IMAP_GUARD_PASS; at++) {
        if (guard->state == GUARD_REST)
            at = find_line_end(octets, at);
        if (at < octets.len)
            watch_octet(guard, octets.at[at]);
    }
    return (enum imap_guard_verdict)guard->verdict;
}
