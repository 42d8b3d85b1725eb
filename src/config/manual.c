/*
 * Makes postern.conf(5): copies a template from standard input to standard output, and puts the
 * table of settings, as mdoc(7), where the line SETTINGS stands. Run by the build.
 */
#include <stdio.h>

#include "config/settings.h"
#include "config/duration.h"
#include "config/storage.h"
#include "config/values.h"

enum { MANUAL_OCTETS = 1 << 18, MANUAL_WIDTH = 78 };

/* Text that has no meaning to roff; `quoted` parts become literal. */
static void manual_text(struct strbuf *buf, const char *text)
{
    bool is_literal = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '`') {
            is_literal = !is_literal;
            strbuf_append(buf, is_literal ? "\\fB" : "\\fR");
        } else if (*at == '\\') {
            strbuf_append(buf, "\\e");
        } else if (*at == '"') {
            strbuf_append(buf, "\\(dq");
        } else {
            strbuf_append_byte(buf, (uint8_t)*at);
        }
    }
}

/*
 * A sentence begins a line, as mdoc wants it, and no line is longer than it likes. A line that
 * began with a dot or an apostrophe would be a request.
 */
static void manual_paragraph(struct strbuf *buf, const char *text)
{
    auto_strbuf struct strbuf roff = STRBUF(MANUAL_OCTETS);
    manual_text(&roff, text);
    struct span rest = strbuf_span(&roff);
    size_t width = 0;
    bool is_sentence_end = false;
    while (rest.len > 0) {
        struct span word = span_cut(&rest, ' ');
        bool is_new = is_sentence_end || width + 1 + word.len > MANUAL_WIDTH;
        if (width > 0)
            strbuf_append(buf, is_new ? "\n" : " ");
        width = is_new ? word.len : width + 1 + word.len;
        if (word.at[0] == '.' || word.at[0] == '\'')
            strbuf_append(buf, "\\&");
        strbuf_append_span(buf, word);
        is_sentence_end = word.at[word.len - 1] == '.';
    }
    strbuf_append_byte(buf, '\n');
}

/* "Duration from 1s to 1min." */
static void manual_kind(struct strbuf *buf, const struct setting *setting)
{
    const struct storage *storage = setting->type->storage;
    strbuf_append_byte(buf, '(');
    if (storage->is_list)
        strbuf_format(buf, "list of at most %u: ", (unsigned)setting->most);
    if (setting->type->form == NULL) {
        for (const struct term *term = setting->terms; term->name != NULL; term++)
            strbuf_format(buf, "%s%s", term == setting->terms ? "" : ", ", term->name);
    } else {
        manual_text(buf, setting->type->form);
    }
    if (storage == &storage_number)
        strbuf_format(buf, " from %u to %u", (unsigned)setting->least, (unsigned)setting->most);
    if (storage == &storage_duration) {
        strbuf_append(buf, " from ");
        duration_print(setting->least, buf);
        strbuf_append(buf, " to ");
        duration_print(setting->most, buf);
    }
    if (setting->is_required)
        strbuf_append(buf, "; must be given");
    if (setting->standard != NULL) {
        strbuf_append(buf, "; default ");
        manual_text(buf, setting->standard);
    }
    strbuf_append(buf, ")\n");
}

static void manual_section(struct strbuf *buf, const struct section *section)
{
    if (section->name[0] == '\0')
        strbuf_append(buf, ".Ss Outside sections\n");
    else
        strbuf_format(buf, ".Ss Section %s%s%s\n", section->name, section->title == NULL ? "" : " ",
                      section->title == NULL ? "" : section->title);
    manual_paragraph(buf, section->help);
    strbuf_append(buf, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < section->setting_count; i++) {
        strbuf_format(buf, ".It Ic %s\n", section->settings[i].name);
        manual_kind(buf, &section->settings[i]);
        strbuf_append(buf, ".br\n");
        manual_paragraph(buf, section->settings[i].help);
    }
    strbuf_append(buf, ".El\n");
}

int main(void)
{
    auto_strbuf struct strbuf page = STRBUF(MANUAL_OCTETS);
    char line[512];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "SETTINGS\n") != 0) {
            strbuf_append(&page, line);
            continue;
        }
        for (enum section_key key = SECTION_TOP; key < SECTION_COUNT; key++)
            manual_section(&page, &sections[key]);
    }
    bool is_written = !strbuf_failed(&page) && ferror(stdin) == 0 &&
                      fputs(strbuf_text(&page), stdout) >= 0 && fflush(stdout) == 0;
    return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}
