/*
 * The form of postern.conf; see scan.h. A file is items: NAME = VALUE, NAME = {VALUE, …}, NAME {…},
 * NAME TITLE {…}; sections hold settings only. Called by read.c, before source.c.
 */
#include "config/scan.h"

#include "config/token.h"

struct scan {
    struct reading *reading;
    struct tokens tokens;
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

static void names_of_sections(struct strbuf *buf)
{
    for (enum section_key key = SECTION_TOP + 1; key < SECTION_COUNT; key++)
        strbuf_format(buf, "%s%s", key == SECTION_TOP + 1 ? "" : ", ", sections[key].name);
}

/* Passes tokens to the brace that closes an opened one; the offset after it, or 0: there is none. */
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
                     "%s opens a brace that is never closed; write } at its end", quote(&quoted, name));
    scan->tokens.is_broken = true;
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
            mistakes_add(mistakes, after.line, "two values of %s with nothing between them; write a comma",
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
    mistakes_add(mistakes, token.line, "the list %s is not closed before this; write } after its values",
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
        mistakes_add(&scan->reading->mistakes, line, "%s has no value in its line; write it after the =",
                     quote(&quoted, name));
        value.is_bad = true;
    }
    return value;
}

static void scan_refuse_unknown(struct scan *scan, const struct found *in, int line, struct span name)
{
    struct quote quoted;
    auto_strbuf struct strbuf known = STRBUF(512);
    names_of_settings(&sections[in->key], &known);
    if (in->key == SECTION_TOP)
        mistakes_add(&scan->reading->mistakes, line,
                     "there is no setting %s outside sections; write one of: %s", quote(&quoted, name),
                     strbuf_text(&known));
    else
        mistakes_add(&scan->reading->mistakes, line,
                     "there is no setting %s in section %s; write one of: %s", quote(&quoted, name),
                     sections[in->key].name, strbuf_text(&known));
}

/* Judges a known setting with its value; false: libconfuse must not see it. */
static bool scan_judge(struct scan *scan, struct found *in, size_t index, struct scanned_value value,
                       int line)
{
    struct mistakes *mistakes = &scan->reading->mistakes;
    const struct setting *setting = &sections[in->key].settings[index];
    if (in->setting_lines[index] != 0) {
        mistakes_add(mistakes, line, "%s is given a second time (first in line %d); keep one of them",
                     setting->name, in->setting_lines[index]);
        return false;
    }
    in->setting_lines[index] = line;
    if (!value.is_bad && value.is_list && !setting_is_list(setting)) {
        mistakes_add(mistakes, line, "%s takes one value, not a list; write %s = VALUE without braces",
                     setting->name, setting->name);
        value.is_bad = true;
    }
    if (setting_is_list(setting) && value.entries > setting->most) {
        mistakes_add(mistakes, line, "%s has %zu values; write at most %u", setting->name, value.entries,
                     (unsigned)setting->most);
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

static bool is_title(struct span title)
{
    bool is_good = title.len > 0 && title.len <= CONFIG_TITLE_MAX;
    for (size_t i = 0; is_good && i < title.len; i++) {
        uint8_t c = ascii_lower(title.at[i]);
        is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    return is_good;
}

/* Says what is wrong with the head of a section of that kind; true: nothing. */
static bool scan_judge_head(struct scan *scan, enum section_key key, struct token head,
                            struct token title)
{
    struct quote quoted;
    struct mistakes *mistakes = &scan->reading->mistakes;
    const struct section *section = &sections[key];
    struct span text = token_text(&scan->tokens, title);
    size_t same = 0;
    for (size_t i = 1; i < scan->reading->found_count; i++)
        same += scan->reading->found[i].key == key;
    if (section->title == NULL && title.kind != TOKEN_END)
        mistakes_add(mistakes, head.line, "section %s has no name of its own; write %s {...}",
                     section->name, section->name);
    else if (section->title != NULL && title.kind == TOKEN_END)
        mistakes_add(mistakes, head.line, "this section %s has no name; write %s NAME {...}",
                     section->name, section->name);
    else if (section->title != NULL && !is_title(text))
        mistakes_add(mistakes, head.line,
                     "%s can't name a section; write at most %d letters, digits, - and _",
                     quote(&quoted, text), CONFIG_TITLE_MAX);
    else if (section->title != NULL && same == section->most)
        mistakes_add(mistakes, head.line, "more than %zu sections %s; keep at most that many",
                     section->most, section->name);
    else
        return true;
    return false;
}

static struct found *scan_find_same(struct scan *scan, enum section_key key, struct span title)
{
    for (size_t i = 1; i < scan->reading->found_count; i++) {
        struct found *found = &scan->reading->found[i];
        if (found->key == key && span_equal(span_of(found->title), title))
            return found;
    }
    return NULL;
}

/* The place for a section that begins here, or NULL after a mistake. */
static struct found *scan_open(struct scan *scan, struct found *in, struct token head,
                               struct token title)
{
    struct quote quoted;
    struct mistakes *mistakes = &scan->reading->mistakes;
    struct span name = token_text(&scan->tokens, head);
    enum section_key key = section_find(name);
    if (head.is_bad || title.is_bad)
        return NULL;
    if (key == SECTION_COUNT) {
        auto_strbuf struct strbuf known = STRBUF(512);
        names_of_sections(&known);
        mistakes_add(mistakes, head.line, "there is no section %s; write one of: %s",
                     quote(&quoted, name), strbuf_text(&known));
        return NULL;
    }
    if (in->key != SECTION_TOP) {
        mistakes_add(mistakes, head.line, "section %s begins inside section %s; close that one first",
                     sections[key].name, sections[in->key].name);
        return NULL;
    }
    if (!scan_judge_head(scan, key, head, title))
        return NULL;
    struct span text = token_text(&scan->tokens, title);
    struct found *same = scan_find_same(scan, key, text);
    if (same != NULL) {
        mistakes_add(mistakes, head.line,
                     "section %s%s%s begins a second time (first in line %d); make them one",
                     sections[key].name, same->title[0] == '\0' ? "" : " ", same->title, same->line);
        return NULL;
    }
    struct found *found = &scan->reading->found[scan->reading->found_count++];
    *found = (struct found){.key = key, .line = head.line};
    memcpy(found->title, text.at, text.len);
    return found;
}

/* NAME {…} or NAME TITLE {…}; the name is taken. */
static void scan_section(struct scan *scan, struct found *in, struct token head)
{
    struct token title = {.kind = TOKEN_END};
    if (token_is_value(tokens_peek(&scan->tokens, 0)))
        title = tokens_take(&scan->tokens);
    (void)tokens_take(&scan->tokens); /* the brace */
    struct found *found = scan_open(scan, in, head, title);
    if (found != NULL) {
        scan_items(scan, found);
        return;
    }
    size_t end = scan_skip_block(scan);
    if (end == 0)
        scan_refuse_open(scan, head.line, token_text(&scan->tokens, head));
    else
        tokens_blank(&scan->tokens, head.start, end);
}

/* One item that begins with token, or a stray token. */
static void scan_item(struct scan *scan, struct found *in, struct token token)
{
    struct quote quoted;
    struct span text = token_text(&scan->tokens, token);
    struct token next = tokens_peek(&scan->tokens, 0);
    struct token after = tokens_peek(&scan->tokens, 1);
    if (token.kind == TOKEN_WORD && token_is_mark(next, '=')) {
        scan_assignment(scan, in, token);
        return;
    }
    if (token.kind == TOKEN_WORD &&
        (token_is_mark(next, '{') || (token_is_value(next) && token_is_mark(after, '{')))) {
        scan_section(scan, in, token);
        return;
    }
    if (!token.is_bad)
        mistakes_add(&scan->reading->mistakes, token.line,
                     "%s is out of place here; write NAME = VALUE, with the value in quotes if it has "
                     "spaces",
                     quote(&quoted, text));
    tokens_blank(&scan->tokens, token.start, token.end);
}

/* The items of a section up to its closing brace, or of the top level up to the end of the text. */
static void scan_items(struct scan *scan, struct found *in)
{
    for (;;) {
        struct token token = tokens_take(&scan->tokens);
        bool is_close = token_is_mark(token, '}');
        if (token.kind == TOKEN_END && in->key != SECTION_TOP)
            scan_refuse_open(scan, in->line, span_of(sections[in->key].name));
        if (token.kind == TOKEN_END || (is_close && in->key != SECTION_TOP))
            return;
        scan_item(scan, in, token);
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
        mistakes_add(&reading->mistakes, line, "octet 0x00: this is no text file; write plain text");
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
    return !scan.tokens.is_broken;
}
