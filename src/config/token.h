/*
 * The words and marks of postern.conf, one after the other, read more strictly than libconfuse
 * does: what it would silently drop, expand or join is a mistake here. Comments are blanked out of
 * the text while they are passed (libconfuse counts a line with a comment more than once).
 */
#ifndef POSTERN_CONFIG_TOKEN_H
#define POSTERN_CONFIG_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "config/mistakes.h"

enum {
    TOKEN_OCTETS_MAX = 1024
}; /* of one word or quoted value; twice the longest that has a use */

enum token_kind {
    TOKEN_END,    /* of the text */
    TOKEN_WORD,   /* without quotes */
    TOKEN_QUOTED, /* in quotes, which belong to it */
    TOKEN_MARK,   /* one of { } = , */
};

struct token {
    enum token_kind kind;
    char mark;    /* of a TOKEN_MARK */
    bool is_bad;  /* a mistake was reported: not to be shown to libconfuse */
    size_t start; /* offsets in the text */
    size_t end;
    int line;
};

struct tokens {
    char *text; /* NUL-terminated, no NUL inside; written to by blanking */
    size_t len;
    size_t at;
    int line;
    struct mistakes *mistakes;
    bool is_silent; /* within what was refused as a whole: report no more */
    bool is_broken; /* a comment without an end: the rest is lost */
    struct token peeked[3];
    size_t peeked_count;
};

/* The next token. After TOKEN_END it is TOKEN_END again. */
struct token tokens_take(struct tokens *tokens);

/* The token that will be taken next (0), or after that (1, 2). */
struct token tokens_peek(struct tokens *tokens, size_t ahead);

static inline bool token_is_mark(struct token token, char mark)
{
    return token.kind == TOKEN_MARK && token.mark == mark;
}

static inline bool token_is_value(struct token token)
{
    return token.kind == TOKEN_WORD || token.kind == TOKEN_QUOTED;
}

/* The token's octets; of a quoted one what stands between the quotes, as written. */
struct span token_text(const struct tokens *tokens, struct token token);

/* Takes the text from start to end away, line ends excepted: it is marked, and gone after a squeeze. */
void tokens_blank(struct tokens *tokens, size_t start, size_t end);

/*
 * Makes one space of each run of what was blanked or is blank itself. libconfuse's lexer takes time
 * that is quadratic in the length of such a run.
 */
void tokens_squeeze(struct tokens *tokens);

#endif
