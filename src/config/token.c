/* Words and marks of postern.conf; see token.h. Called by scan.c only. */
#include "config/token.h"

#include "base/invariant.h"

/* Stands for what was blanked: no octet that is let through has this value. */
enum { TOKEN_BLANKED = 1 };

/* 0 at the end of the text: no octet of it is 0. */
static char tokens_octet(const struct tokens *tokens, size_t at)
{
    return at < tokens->len ? tokens->text[at] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_mark(char c)
{
    return c == '{' || c == '}' || c == '=' || c == ',';
}

/* Marks the token as bad, and says why unless something was said of it before. */
#define TOKEN_MISTAKE(tokens, token, ...)                                                          \
    do {                                                                                           \
        if (!(token)->is_bad && !(tokens)->is_silent)                                              \
            mistakes_add((tokens)->mistakes, (token)->line, __VA_ARGS__);                          \
        (token)->is_bad = true;                                                                    \
    } while (0)

void tokens_blank(struct tokens *tokens, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++)
        if (tokens->text[i] != '\n')
            tokens->text[i] = TOKEN_BLANKED;
}

void tokens_squeeze(struct tokens *tokens)
{
    size_t kept = 0;
    for (size_t i = 0; i < tokens->len; i++) {
        bool is_blanked = tokens->text[i] == TOKEN_BLANKED;
        if (is_blanked && kept > 0 && tokens->text[kept - 1] == ' ')
            continue;
        tokens->text[kept++] = is_blanked ? ' ' : tokens->text[i];
    }
    tokens->text[kept] = '\0';
    tokens->len = kept;
}

/* Passes a comment from # or // to the end of its line. */
static void tokens_skip_line(struct tokens *tokens)
{
    size_t start = tokens->at;
    while (tokens->at < tokens->len && tokens->text[tokens->at] != '\n')
        tokens->at++;
    tokens_blank(tokens, start, tokens->at);
}

static void tokens_skip_long_comment(struct tokens *tokens)
{
    size_t start = tokens->at;
    int line = tokens->line;
    tokens->at += 2;
    while (tokens->at < tokens->len &&
           !(tokens->text[tokens->at] == '*' && tokens_octet(tokens, tokens->at + 1) == '/')) {
        if (tokens->text[tokens->at++] == '\n')
            tokens->line++;
    }
    if (tokens->at >= tokens->len) {
        mistakes_add(tokens->mistakes, line,
                     "a comment begins here and never ends; write */ after it");
        tokens->is_broken = true;
    } else {
        tokens->at += 2;
    }
    tokens_blank(tokens, start, tokens->at);
}

static void tokens_skip_blank(struct tokens *tokens)
{
    for (;;) {
        char c = tokens_octet(tokens, tokens->at);
        char next = tokens_octet(tokens, tokens->at + 1);
        if (c == '#' || (c == '/' && next == '/')) {
            tokens_skip_line(tokens);
        } else if (c == '/' && next == '*') {
            tokens_skip_long_comment(tokens);
        } else if (is_blank(c)) {
            if (c == '\n')
                tokens->line++;
            else
                tokens->text[tokens->at] = TOKEN_BLANKED;
            tokens->at++;
        } else {
            return;
        }
    }
}

/* Looks at a backslash in quotes; returns how many octets belong to it. */
static size_t token_escape(struct tokens *tokens, struct token *token, char mark)
{
    char next = tokens_octet(tokens, tokens->at + 1);
    if (next == mark || next == '\\')
        return 2;
    struct quote quoted;
    bool is_line_end = next == '\n' || next == '\r' || next == '\0';
    struct span shown = span_make(tokens->text + tokens->at, is_line_end ? 1 : 2);
    TOKEN_MISTAKE(tokens, token,
                  "%s is no known escape; write \\\\ for a backslash and \\%c for a quote",
                  quote(&quoted, shown), mark);
    return shown.len;
}

/*
 * Reads a value in quotes, up to the closing quote or, when that is missing, the end of the
 * line.
 */
static void token_read_quoted(struct tokens *tokens, struct token *token)
{
    char mark = tokens->text[tokens->at++];
    token->kind = TOKEN_QUOTED;
    for (;;) {
        char c = tokens_octet(tokens, tokens->at);
        if (c == mark) {
            tokens->at++;
            return;
        }
        if (c == '\n' || c == '\r' || c == '\0') {
            TOKEN_MISTAKE(tokens, token,
                          "the quote that begins here does not end on its line; write a closing %c",
                          mark);
            return;
        }
        if (c == '\\') {
            tokens->at += token_escape(tokens, token, mark);
            continue;
        }
        if (c == '$' && mark == '"' && tokens_octet(tokens, tokens->at + 1) == '{')
            TOKEN_MISTAKE(tokens, token,
                          "\"${\" would be replaced from the environment; write the value itself");
        if ((unsigned char)c < 0x20 || c == 0x7f)
            TOKEN_MISTAKE(tokens, token, "octet 0x%02x in quotes; write printable characters only",
                          (unsigned)(unsigned char)c);
        tokens->at++;
    }
}

/*
 * Passes quotes that stand in the middle of a word, so that what is in them is not taken for
 * words.
 */
static void tokens_skip_quotes(struct tokens *tokens)
{
    char mark = tokens->text[tokens->at++];
    char c = tokens_octet(tokens, tokens->at);
    while (c != '\0' && c != '\n') {
        tokens->at++;
        if (c == mark)
            return;
        c = tokens_octet(tokens, tokens->at);
    }
}

/* What libconfuse would do to an octet of a word, and what to write; NULL: it is fine. */
static const char *word_octet_fault(char c, char next)
{
    static const struct {
        char octet;
        char next; /* 0: any */
        const char *fault;
    } faults[] = {
        {'/', '*',
         "\"/*\" in a value without quotes would begin a comment; put the value in quotes"},
        {'$', '{', "\"${\" would be replaced from the environment; write the value itself"},
        {'#', 0,
         "\"#\" in a value without quotes would begin a comment; put the value in quotes, or a "
         "space before the comment"},
        {'+', '=', "\"+=\" is not used here; write = and the whole list"},
        {'+', 0, "\"+\" in a value without quotes would be lost; put the value in quotes"},
        {'*', 0, "\"*\" in a value without quotes would be lost; put the value in quotes"},
        {'\\', 0, "a backslash in a value without quotes; put the value in quotes, and write \\\\"},
        {'"', 0, "a quote in the middle of a value; put the whole value in quotes"},
        {'\'', 0, "a quote in the middle of a value; put the whole value in quotes"},
        {'(', 0, "there are no functions such as include(); write the settings here"},
        {')', 0, "\")\" has no meaning here; take it out"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].octet == c && (faults[i].next == 0 || faults[i].next == next))
            return faults[i].fault;
    return NULL;
}

/* Passes "${NAME}" with its closing brace, which would be taken for the end of a section. */
static void tokens_skip_expansion(struct tokens *tokens)
{
    size_t end = tokens->at + 2;
    char c = tokens_octet(tokens, end);
    while (c != '\0' && c != '}' && !is_blank(c))
        c = tokens_octet(tokens, ++end);
    tokens->at = c == '}' ? end + 1 : end;
}

static void token_read_word(struct tokens *tokens, struct token *token)
{
    token->kind = TOKEN_WORD;
    for (;;) {
        char c = tokens_octet(tokens, tokens->at);
        char next = tokens_octet(tokens, tokens->at + 1);
        if (c == '\0' || is_blank(c) || is_mark(c))
            return;
        const char *fault = word_octet_fault(c, next);
        if (fault != NULL)
            TOKEN_MISTAKE(tokens, token, "%s", fault);
        if ((unsigned char)c < 0x20 || c == 0x7f)
            TOKEN_MISTAKE(tokens, token, "octet 0x%02x; write printable characters only",
                          (unsigned)(unsigned char)c);
        if (c == '"' || c == '\'')
            tokens_skip_quotes(tokens);
        else if (c == '$' && next == '{')
            tokens_skip_expansion(tokens);
        else
            tokens->at++;
    }
}

static struct token token_read(struct tokens *tokens)
{
    tokens_skip_blank(tokens);
    struct token token = {.start = tokens->at, .line = tokens->line};
    char c = tokens_octet(tokens, tokens->at);
    if (c == '\0' || tokens->is_broken) {
        token.kind = TOKEN_END;
    } else if (is_mark(c)) {
        token.kind = TOKEN_MARK;
        token.mark = c;
        tokens->at++;
    } else if (c == '"' || c == '\'') {
        token_read_quoted(tokens, &token);
    } else {
        token_read_word(tokens, &token);
    }
    token.end = tokens->at;
    if (token.end - token.start > TOKEN_OCTETS_MAX)
        TOKEN_MISTAKE(tokens, &token, "a value of %zu octets; write at most %d",
                      token.end - token.start, TOKEN_OCTETS_MAX);
    return token;
}

struct token tokens_peek(struct tokens *tokens, size_t ahead)
{
    invariant(ahead < sizeof tokens->peeked / sizeof tokens->peeked[0]);
    while (tokens->peeked_count <= ahead)
        tokens->peeked[tokens->peeked_count++] = token_read(tokens);
    return tokens->peeked[ahead];
}

struct token tokens_take(struct tokens *tokens)
{
    struct token token = tokens_peek(tokens, 0);
    tokens->peeked_count--;
    memmove(tokens->peeked, tokens->peeked + 1, tokens->peeked_count * sizeof tokens->peeked[0]);
    return token;
}

struct span token_text(const struct tokens *tokens, struct token token)
{
    size_t quotes = token.kind == TOKEN_QUOTED ? 1 : 0;
    bool is_closed = token.end - token.start > 1;
    return span_make(tokens->text + token.start + quotes,
                     token.end - token.start - (is_closed ? 2 * quotes : quotes));
}
