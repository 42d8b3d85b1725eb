/* Heads of sections; see scan_open.h. */
#include "config/scan_open.h"

static void names_of_sections(struct strbuf *buf)
{
    for (enum section_key key = SECTION_TOP + 1; key < SECTION_COUNT; key++)
        strbuf_format(buf, "%s%s", key == SECTION_TOP + 1 ? "" : ", ", sections[key].name);
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
static bool scan_judge_head(struct reading *reading, struct tokens *tokens, enum section_key key,
                            struct token head, struct token title)
{
    struct quote quoted;
    struct mistakes *mistakes = &reading->mistakes;
    const struct section *section = &sections[key];
    struct span text = token_text(tokens, title);
    size_t same = 0;
    for (size_t i = 1; i < reading->found_count; i++)
        same += reading->found[i].key == key;
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

static struct found *scan_find_same(struct reading *reading, enum section_key key,
                                    struct span title)
{
    for (size_t i = 1; i < reading->found_count; i++) {
        struct found *found = &reading->found[i];
        if (found->key == key && span_equal(span_of(found->title), title))
            return found;
    }
    return NULL;
}

struct found *scan_open(struct reading *reading, struct tokens *tokens, struct token head,
                        struct token title)
{
    struct quote quoted;
    struct mistakes *mistakes = &reading->mistakes;
    struct span name = token_text(tokens, head);
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
    if (!scan_judge_head(reading, tokens, key, head, title))
        return NULL;
    struct span text = token_text(tokens, title);
    struct found *same = scan_find_same(reading, key, text);
    if (same != NULL) {
        mistakes_add(mistakes, head.line,
                     "section %s%s%s begins a second time (first in line %d); make them one",
                     sections[key].name, same->title[0] == '\0' ? "" : " ", same->title,
                     same->line);
        return NULL;
    }
    struct found *found = &reading->found[reading->found_count++];
    *found = (struct found){.key = key, .line = head.line};
    memcpy(found->title, text.at, text.len);
    return found;
}
