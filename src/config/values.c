/*
 * Values that are numbers and words, and what all types share; see values.h. Names and paths are in
 * value_texts.c, addresses and login rules in value_rules.c. Called by read.c for each value.
 */
#include "config/values.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/duration.h"
#include "config/storage.h"

enum { VALUE_OCTETS = 1024 }; /* of one value as kept; scan.c lets no longer one pass */

bool value_refuse(const struct value_in *in, const char *format, ...)
{
    char text[512];
    struct quote quoted;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bool is_path = in->text.len > 0 && in->text.at[0] == '/';
    if (in->setting->type->is_private && !is_path)
        mistakes_add(&in->reading->mistakes, in->line, "%s %s", in->setting->name, text);
    else
        mistakes_add(&in->reading->mistakes, in->line, "%s %s %s", in->setting->name,
                     quote(&quoted, in->text), text);
    return false;
}

bool value_read(const struct value_in *in, void *base)
{
    struct value_out out = {.text = STRBUF(VALUE_OCTETS)};
    bool is_good = in->setting->type->parse(in, &out);
    if (is_good &&
        (strbuf_failed(&out.text) || !in->setting->type->storage->store(in->setting, base, &out)))
        is_good = value_refuse(in, "does not fit into memory; free some");
    strbuf_fini(&out.text);
    return is_good;
}

void value_print(const struct config *config, const struct setting *setting, const void *base,
                 struct strbuf *buf)
{
    setting->type->storage->print(config, setting, base, buf);
}

void value_drop(const struct setting *setting, void *base)
{
    setting->type->storage->drop(setting, base);
}

/* --- Numbers --------------------------------------------------------------------------------- */

static bool number_parse(const struct value_in *in, struct value_out *out)
{
    uint64_t number = 0;
    const struct setting *setting = in->setting;
    if (!span_to_u64(in->text, setting->most, &number) || number < setting->least)
        return value_refuse(in, "is not allowed; write a number from %u to %u",
                            (unsigned)setting->least, (unsigned)setting->most);
    out->number = (uint32_t)number;
    return true;
}

static bool duration_parse(const struct value_in *in, struct value_out *out)
{
    uint64_t ms;
    if (!duration_read(in->text, &ms))
        return value_refuse(
            in, "is not a duration; write a number and a unit without a space: 500ms, 90s, "
                "5min, 2h or 1d");
    if (ms < in->setting->least || ms > in->setting->most) {
        auto_strbuf struct strbuf range = STRBUF(64);
        duration_print(in->setting->least, &range);
        strbuf_append(&range, " to ");
        duration_print(in->setting->most, &range);
        return value_refuse(in, "is out of range; write a duration from %s", strbuf_text(&range));
    }
    out->number = (uint32_t)ms;
    return true;
}

/* No time at all has a word of its own. */
static bool overdue_parse(const struct value_in *in, struct value_out *out)
{
    uint64_t ms;
    out->number = 0;
    if (span_equal(in->text, span_of(overdue_refuse)))
        return true;
    if (!duration_read(in->text, &ms))
        return value_refuse(in, "is neither refuse nor a duration; write refuse, or a number and a unit "
                                "without a space: 12h or 2d");
    return duration_parse(in, out);
}

/* --- Words ----------------------------------------------------------------------------------- */

static bool bool_parse(const struct value_in *in, struct value_out *out)
{
    static const struct term words[] = {{"yes", 1}, {"no", 0},  {"true", 1}, {"false", 0},
                                        {"on", 1},  {"off", 0}, {NULL, 0}};
    unsigned number;
    if (!term_find(words, in->text, &number))
        return value_refuse(in, "is neither yes nor no; write yes or no");
    out->number = number;
    return true;
}

/* "a, b or c" */
static void terms_print(const struct term *terms, struct strbuf *buf)
{
    for (size_t i = 0; terms[i].name != NULL; i++) {
        if (i > 0)
            strbuf_append(buf, terms[i + 1].name == NULL ? " or " : ", ");
        strbuf_append(buf, terms[i].name);
    }
}

static bool term_parse(const struct value_in *in, struct value_out *out)
{
    unsigned number;
    if (!term_find(in->setting->terms, in->text, &number)) {
        auto_strbuf struct strbuf known = STRBUF(256);
        terms_print(in->setting->terms, &known);
        return value_refuse(in, "is not known here; write %s", strbuf_text(&known));
    }
    out->number = number;
    return true;
}

/* The words are reserved, so that a file written for a later version is not called nonsense. */
static bool protocol_parse(const struct value_in *in, struct value_out *out)
{
    unsigned number;
    if (!term_find(in->setting->terms, in->text, &number))
        return value_refuse(in, "is not known here; write imap");
    if (number != PROTOCOL_IMAP)
        return value_refuse(in,
                            "can't be served by this version; write imap, or take the section out");
    out->number = number;
    return true;
}

static bool language_parse(const struct value_in *in, struct value_out *out)
{
    strbuf_append_span(&out->text, in->text);
    return term_parse(in, out);
}

const struct value_type value_number = {
    .form = "number", .storage = &storage_number, .parse = number_parse};
const struct value_type value_duration = {
    .form = "duration", .storage = &storage_duration, .parse = duration_parse};
const struct value_type value_overdue = {
    .form = "refuse, or a duration from 1s to 30d", .storage = &storage_overdue, .parse = overdue_parse};
const struct value_type value_bool = {
    .form = "yes or no", .storage = &storage_bool, .parse = bool_parse};
const struct value_type value_term = {.storage = &storage_term, .parse = term_parse};
const struct value_type value_protocol = {
    .form = "imap", .storage = &storage_term, .parse = protocol_parse};
const struct value_type value_language = {.storage = &storage_text, .parse = language_parse};
