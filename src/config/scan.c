/*
 * The form of postern.conf; see scan.h. A file is items: NAME = VALUE, NAME = {VALUE, …}, NAME {…},
 * NAME TITLE {…}; sections hold settings only. Called by read.c, before source.c.
 */
#include "config/scan.h"

#include "config/scan_open.h"

struct scan {
    struct reading *reading;
    struct tokens tokens;
    bool is_unbalanced; /* a brace is missing: libconfuse would see sections where they are not */
};

/* A value or a list of them, as scan_value() saw it. */
struct scanned_value {
    size_t end;     /* offset after it */
    size_t entries; /* of a list */
    bool is_list;
    bool is_bad;
};

static void scan_items(struct scan *scan, struct found *in);

/* Adds "NAME, NAME and so on" of a section's settings to a mistake: what may be written. */
static void names_of_settings(const struct section *section, struct strbuf *buf)
{
    for (size_t i = 0; i < section->setting_count; i++)
        strbuf_format(buf, "%s%s", i == 0 ? "" : ", ", section->settings[i].name);
}

/*
 * Passes tokens to the brace that closes an opened one; the offset after it, or 0: there is
 * none.
 */
static size_t scan_skip_block(struct scan *scan)
{
    size_t depth = 1;
    struct token token = {.kind = TOKEN_END};
    scan->tokens.is_silent = true;
    while (depth > 0) {
        token = tokens_take(&scan->tokens);
        if (token.kind == TOKEN_END)
            break;
        if (token_is_mark(token, '{'))
            depth++;
        else if (token_is_mark(token, '}'))
            depth--;
    }
    scan->tokens.is_silent = false;
    return depth == 0 ? token.end : 0;
}

static void scan_refuse_open(struct scan *scan, int line, struct span name)
{
    struct quote quoted;
    if (!scan->tokens.is_broken)
        mistakes_add(&scan->reading->mistakes, line,
                     "%s opens a brace that is never closed; write } at its end",
                     quote(&quoted, name));
    scan->is_unbalanced = true;
}

/* Blanks a block that was refused, from its head; its opening brace has been taken. */
static void scan_refuse_block(struct scan *scan, struct token head)
{
    size_t end = scan_skip_block(scan);
    if (end == 0)
        scan_refuse_open(scan, head.line, token_text(&scan->tokens, head));
    else
        tokens_blank(&scan->tokens, head.start, end);
}

/* One step of a list after its brace; false when the list is over. */
static bool scan_list_entry(struct scan *scan, struct scanned_value *value, struct span name)
{
    struct quote quoted;
    struct mistakes *mistakes = &scan->reading->mistakes;
    struct token token = tokens_peek(&scan->tokens, 0);
    struct token after = tokens_peek(&scan->tokens, 1);
    if (token_is_value(token) && !token_is_mark(after, '=')) {
        value->entries++;
        value->is_bad |= token.is_bad;
        value->end = tokens_take(&scan->tokens).end;
        if (token_is_mark(after, ','))
            value->end = tokens_take(&scan->tokens).end;
        else if (token_is_value(after) && !token_is_mark(tokens_peek(&scan->tokens, 1), '=')) {
            mistakes_add(mistakes, after.line,
                         "two values of %s with nothing between them; write a comma",
                         quote(&quoted, name));
            value->is_bad = true;
        }
        return true;
    }
    if (token_is_mark(token, '}')) {
        value->end = tokens_take(&scan->tokens).end;
        return false;
    }
    value->is_bad = true;
    if (token_is_mark(token, ',')) {
        mistakes_add(mistakes, token.line, "a value of %s is missing before the comma; write it",
                     quote(&quoted, name));
        value->end = tokens_take(&scan->tokens).end;
        return true;
    }
    mistakes_add(mistakes, token.line,
                 "the list %s is not closed before this; write } after its values",
                 quote(&quoted, name));
    return false;
}

/* Passes what follows NAME =, which ended at offset end in line. */
static struct scanned_value scan_value(struct scan *scan, struct span name, size_t end, int line)
{
    struct quote quoted;
    struct scanned_value value = {.end = end};
    struct token token = tokens_peek(&scan->tokens, 0);
    if (token_is_mark(token, '{')) {
        value.is_list = true;
        value.end = tokens_take(&scan->tokens).end;
        while (scan_list_entry(scan, &value, name))
            ;
    } else if (token_is_value(token) && token.line == line) {
        value.entries = 1;
        value.is_bad = token.is_bad;
        value.end = tokens_take(&scan->tokens).end;
    } else {
        mistakes_add(&scan->reading->mistakes, line,
                     "%s has no value in its line; write it after the =", quote(&quoted, name));
        value.is_bad = true;
    }
    return value;
}

static void scan_refuse_unknown(struct scan *scan, const struct found *in, int line,
                                struct span name)
{
    struct quote quoted;
    auto_strbuf struct strbuf known = STRBUF(512);
    names_of_settings(&sections[in->key], &known);
    if (in->key == SECTION_TOP)
        mistakes_add(&scan->reading->mistakes, line,
                     "there is no setting %s outside sections; write one of: %s",
                     quote(&quoted, name), strbuf_text(&known));
    else
        mistakes_add(&scan->reading->mistakes, line,
                     "there is no setting %s in section %s; write one of: %s", quote(&quoted, name),
                     sections[in->key].name, strbuf_text(&known));
}

/* Judges a known setting with its value; false: libconfuse must not see it. */
static bool scan_judge(struct scan *scan, struct found *in, size_t index,
                       struct scanned_value value, int line)
{
    struct mistakes *mistakes = &scan->reading->mistakes;
    const struct setting *setting = &sections[in->key].settings[index];
    if (in->setting_lines[index] != 0) {
        mistakes_add(mistakes, line,
                     "%s is given a second time (first in line %d); keep one of them",
                     setting->name, in->setting_lines[index]);
        return false;
    }
    in->setting_lines[index] = line;
    in->entries[index] = value.entries;
    if (!value.is_bad && value.is_list && !setting_is_list(setting)) {
        mistakes_add(mistakes, line,
                     "%s takes one value, not a list; write %s = VALUE without braces",
                     setting->name, setting->name);
        value.is_bad = true;
    }
    if (setting_is_list(setting) && value.entries > setting->most) {
        mistakes_add(mistakes, line, "%s has %zu values; write at most %u", setting->name,
                     value.entries, (unsigned)setting->most);
        value.is_bad = true;
    }
    in->is_bad[index] = value.is_bad;
    return !value.is_bad;
}

/* NAME = VALUE; the name is taken, the = is next. */
static void scan_assignment(struct scan *scan, struct found *in, struct token name)
{
    struct token equals = tokens_take(&scan->tokens);
    struct span text = token_text(&scan->tokens, name);
    struct scanned_value value = scan_value(scan, text, equals.end, equals.line);
    size_t index = setting_find(&sections[in->key], text);
    bool is_good = false;
    if (name.is_bad)
        is_good = false;
    else if (index == sections[in->key].setting_count)
        scan_refuse_unknown(scan, in, name.line, text);
    else
        is_good = scan_judge(scan, in, index, value, name.line);
    if (!is_good)
        tokens_blank(&scan->tokens, name.start, value.end);
}

/* NAME {…} or NAME TITLE {…}; the name is taken. */
static void scan_section(struct scan *scan, struct token head)
{
    struct token title = {.kind = TOKEN_END};
    if (token_is_value(tokens_peek(&scan->tokens, 0)))
        title = tokens_take(&scan->tokens);
    (void)tokens_take(&scan->tokens); /* the brace */
    struct found *found = scan_open(scan->reading, &scan->tokens, head, title);
    if (found != NULL)
        scan_items(scan, found);
    else
        scan_refuse_block(scan, head);
}

/* Whether the next tokens begin a section: NAME {, or NAME TITLE { with both names in one line. */
static bool is_section_next(struct scan *scan)
{
    struct token name = tokens_peek(&scan->tokens, 0);
    struct token next = tokens_peek(&scan->tokens, 1);
    return name.kind == TOKEN_WORD &&
           (token_is_mark(next, '{') || (token_is_value(next) && next.line == name.line &&
                                         token_is_mark(tokens_peek(&scan->tokens, 2), '{')));
}

static void scan_stray(struct scan *scan, struct token token)
{
    struct quote quoted;
    struct mistakes *mistakes = &scan->reading->mistakes;
    if (token_is_mark(token, '}'))
        mistakes_add(mistakes, token.line,
                     "this } closes nothing; take it out, or write { where its section begins");
    else if (!token.is_bad && !tokens_peek(&scan->tokens, 0).is_bad)
        mistakes_add(
            mistakes, token.line,
            "%s is out of place here; write NAME = VALUE, with the value in quotes if it has "
            "spaces",
            quote(&quoted, token_text(&scan->tokens, token)));
    tokens_blank(&scan->tokens, token.start, token.end);
}

/* NAME { … } where NAME is a setting of this section: the = was forgotten. */
static bool is_setting_without_equals(struct scan *scan, const struct found *in)
{
    struct span name = token_text(&scan->tokens, tokens_peek(&scan->tokens, 0));
    return token_is_mark(tokens_peek(&scan->tokens, 1), '{') &&
           setting_find(&sections[in->key], name) < sections[in->key].setting_count;
}

static void scan_without_equals(struct scan *scan, struct found *in, struct token name)
{
    size_t index = setting_find(&sections[in->key], token_text(&scan->tokens, name));
    const char *known = sections[in->key].settings[index].name;
    mistakes_add(&scan->reading->mistakes, name.line, "%s has no =; write %s = VALUE", known,
                 known);
    in->setting_lines[index] = name.line;
    in->is_bad[index] = true;
    (void)tokens_take(&scan->tokens); /* the brace */
    scan_refuse_block(scan, name);
}

/* One item, or a stray token. */
static void scan_item(struct scan *scan, struct found *in)
{
    bool is_section = is_section_next(scan);
    bool is_without_equals = is_setting_without_equals(scan, in);
    struct token token = tokens_take(&scan->tokens);
    if (is_without_equals)
        scan_without_equals(scan, in, token);
    else if (is_section)
        scan_section(scan, token);
    else if (token.kind == TOKEN_WORD && token_is_mark(tokens_peek(&scan->tokens, 0), '='))
        scan_assignment(scan, in, token);
    else
        scan_stray(scan, token);
}

/*
 * Sections hold no sections: one that begins inside another shows where the other should have
 * ended. The scan goes on as if it had.
 */
static bool scan_ends_here(struct scan *scan, const struct found *in)
{
    struct token token = tokens_peek(&scan->tokens, 0);
    enum section_key key = section_find(token_text(&scan->tokens, token));
    if (in->key == SECTION_TOP || key == SECTION_COUNT || !is_section_next(scan) ||
        is_setting_without_equals(scan, in))
        return false;
    mistakes_add(&scan->reading->mistakes, token.line,
                 "section %s begins before section %s (line %d) is closed; write } before it",
                 sections[key].name, sections[in->key].name, in->line);
    scan->is_unbalanced = true;
    return true;
}

/* The items of a section up to its closing brace, or of the top level up to the end of the text. */
static void scan_items(struct scan *scan, struct found *in)
{
    while (!scan_ends_here(scan, in)) {
        struct token token = tokens_peek(&scan->tokens, 0);
        bool is_end = token.kind == TOKEN_END;
        if (is_end && in->key != SECTION_TOP)
            scan_refuse_open(scan, in->line, span_of(sections[in->key].name));
        if (!is_end && !(token_is_mark(token, '}') && in->key != SECTION_TOP)) {
            scan_item(scan, in);
            continue;
        }
        (void)tokens_take(&scan->tokens);
        return;
    }
}

/* NUL would end the text early for libconfuse; a byte order mark would become part of a name. */
static bool scan_octets(struct reading *reading, char *text, size_t len)
{
    const char *nul = memchr(text, '\0', len);
    if (nul != NULL) {
        int line = 1;
        for (const char *at = text; at < nul; at++)
            line += *at == '\n';
        mistakes_add(&reading->mistakes, line,
                     "octet 0x00: this is no text file; write plain text");
        return false;
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        mistakes_add(&reading->mistakes, 1,
                     "the file begins with a byte order mark; save it as UTF-8 without one");
        memset(text, ' ', 3);
    }
    return true;
}

bool scan(struct reading *reading, char *text, size_t len)
{
    struct scan scan = {
        .reading = reading,
        .tokens = {.text = text, .len = len, .line = 1, .mistakes = &reading->mistakes},
    };
    reading->found[0] = (struct found){.key = SECTION_TOP, .line = 1};
    reading->found_count = 1;
    if (!scan_octets(reading, text, len))
        return false;
    scan_items(&scan, &reading->found[0]);
    tokens_squeeze(&scan.tokens);
    return !scan.tokens.is_broken && !scan.is_unbalanced;
}
