/*
 * Takes the commands of imap_reader.c apart for imap_session.c, and writes strings for the backend.
 * Where tokens end is decided in imap_token.c, for the reader and for this file alike.
 */
#include "protocol/imap_command.h"

#include "protocol/imap_token.h"

/* Octets at the front of text that are of that class. */
static size_t run_length(struct span text, bool (*is_of_class)(uint8_t))
{
    size_t len = 0;
    while (len < text.len && is_of_class(text.at[len]))
        len++;
    return len;
}

static bool take_octet(struct span *rest, uint8_t c)
{
    if (rest->len == 0 || rest->at[0] != c)
        return false;
    *rest = span_from(*rest, 1);
    return true;
}

/* The one space between arguments, or their end; then *rest becomes SPAN_NONE. */
static bool take_separator(struct span *rest)
{
    if (rest->len == 0) {
        *rest = SPAN_NONE;
        return true;
    }
    return take_octet(rest, ' ') && rest->len > 0;
}

bool imap_command_split(struct span text, struct imap_command *ret_command)
{
    struct span rest = text;
    *ret_command = (struct imap_command){.tag = SPAN_NONE};
    struct span tag = span_cut(&rest, ' ');
    if (!imap_is_tag(tag))
        return false;
    ret_command->tag = tag;
    struct span name = span_first(rest, run_length(rest, imap_is_atom_char));
    rest = span_from(rest, name.len);
    if (name.len == 0 || (rest.len > 0 && rest.at[0] != ' '))
        return false;
    ret_command->name = name;
    ret_command->arguments = rest.len > 1 ? span_from(rest, 1) : SPAN_NONE;
    return true;
}

/* --- Strings ---------------------------------------------------------------------------------- */

static bool take_run(struct span *rest, bool (*is_of_class)(uint8_t), struct span *ret_value)
{
    size_t len = run_length(*rest, is_of_class);
    if (len == 0)
        return false;
    *ret_value = span_first(*rest, len);
    *rest = span_from(*rest, len);
    return true;
}

/*
 * Appends quoted, of which escaped is the inside. What is still to come of the command can't
 * unquote to more than room octets, so with them reserved the values of one command don't move.
 */
static bool unquote(struct span escaped, size_t room, struct strbuf *scratch,
                    struct span *ret_value)
{
    size_t left = scratch->cap - scratch->len;
    if (!strbuf_reserve(scratch, room < left ? room : left))
        return false;
    size_t start = scratch->len;
    for (size_t i = 0; i < escaped.len; i++) {
        if (escaped.at[i] == '\\')
            i++;
        strbuf_append_byte(scratch, escaped.at[i]);
    }
    if (strbuf_failed(scratch))
        return false;
    *ret_value = span_from(strbuf_span(scratch), start);
    return true;
}

static bool take_quoted(struct span *rest, struct strbuf *scratch, struct span *ret_value)
{
    size_t len = imap_quoted_length(*rest);
    if (len == 0)
        return false;
    struct span inside = span_make(rest->at + 1, len - 2);
    if (!span_has(inside, '\\'))
        *ret_value = inside;
    else if (!unquote(inside, rest->len, scratch, ret_value))
        return false;
    *rest = span_from(*rest, len);
    return true;
}

static bool take_literal(struct span *rest, struct span *ret_value)
{
    struct imap_literal literal;
    if (!imap_literal_parse(*rest, &literal))
        return false;
    struct span after = span_from(*rest, literal.announced_len);
    if (!take_octet(&after, '\r') || !take_octet(&after, '\n') || literal.size > after.len)
        return false;
    *ret_value = span_first(after, (size_t)literal.size);
    *rest = span_from(after, (size_t)literal.size);
    return true;
}

/* A quoted string or a literal. */
static bool take_string(struct span *rest, struct strbuf *scratch, struct span *ret_value)
{
    return take_quoted(rest, scratch, ret_value) || take_literal(rest, ret_value);
}

bool imap_take_astring(struct span *arguments, struct strbuf *scratch, struct span *ret_value)
{
    struct span rest = *arguments;
    struct span value;
    if (!take_string(&rest, scratch, &value) && !take_run(&rest, imap_is_astring_char, &value))
        return false;
    if (!take_separator(&rest))
        return false;
    *arguments = rest;
    *ret_value = value;
    return true;
}

bool imap_take_atom(struct span *arguments, struct span *ret_value)
{
    struct span rest = *arguments;
    struct span value;
    if (!take_run(&rest, imap_is_atom_char, &value) || !take_separator(&rest))
        return false;
    *arguments = rest;
    *ret_value = value;
    return true;
}

/* --- ID --------------------------------------------------------------------------------------- */

static bool take_nil(struct span *rest, struct span *ret_value)
{
    struct span nil = SPAN("NIL");
    if (!span_starts_nocase(*rest, nil))
        return false;
    *rest = span_from(*rest, nil.len);
    *ret_value = SPAN_NONE;
    return true;
}

static bool take_id_pair(struct span *rest, struct strbuf *scratch, struct imap_id_pair *ret_pair)
{
    return take_string(rest, scratch, &ret_pair->key) && take_octet(rest, ' ') &&
           (take_nil(rest, &ret_pair->value) || take_string(rest, scratch, &ret_pair->value)) &&
           ret_pair->key.len <= IMAP_ID_KEY_MAX && ret_pair->value.len <= IMAP_ID_VALUE_MAX;
}

static bool has_id_key(const struct imap_id_pair *pairs, size_t count, struct span key)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(pairs[i].key, key))
            return true;
    return false;
}

bool imap_parse_id(struct span arguments, struct strbuf *scratch,
                   struct imap_id_pair ret_pairs[IMAP_ID_PAIRS_MAX], size_t *ret_count)
{
    struct span rest = arguments;
    struct span nil;
    size_t count = 0;
    bool is_nil = take_nil(&rest, &nil);
    if (!is_nil && !take_octet(&rest, '('))
        return false;
    while (!is_nil && !take_octet(&rest, ')')) {
        struct imap_id_pair pair;
        if (count == IMAP_ID_PAIRS_MAX || (count > 0 && !take_octet(&rest, ' ')) ||
            !take_id_pair(&rest, scratch, &pair) || has_id_key(ret_pairs, count, pair.key))
            return false;
        ret_pairs[count++] = pair;
    }
    if (rest.len > 0)
        return false;
    *ret_count = count;
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

bool imap_fits_quotes(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < ' ' || value.at[i] >= 0x7f)
            return false;
    return true;
}

static void append_quoted(struct strbuf *buf, struct span value)
{
    strbuf_append_byte(buf, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            strbuf_append_byte(buf, '\\');
        strbuf_append_byte(buf, value.at[i]);
    }
    strbuf_append_byte(buf, '"');
}

void imap_append_string(struct strbuf *buf, struct span value)
{
    if (span_has(value, '\0')) {
        buf->failed = true;
        return;
    }
    if (imap_fits_quotes(value)) {
        append_quoted(buf, value);
        return;
    }
    strbuf_append_byte(buf, '{');
    strbuf_append_u64(buf, value.len);
    strbuf_append(buf, "+}\r\n");
    strbuf_append_span(buf, value);
}

static bool imap_id_may_pass(const struct imap_id_pair *pair)
{
    return !span_starts_nocase(pair->key, SPAN("x-")) && imap_fits_quotes(pair->key) &&
           imap_fits_quotes(pair->value);
}

void imap_append_client_id(struct strbuf *buf, const struct imap_id_pair *pairs, size_t count)
{
    for (size_t i = 0, passed = 0; i < count && passed < IMAP_ID_PAIRS_MAX - IMAP_ID_PAIRS_OURS; i++) {
        if (!imap_id_may_pass(&pairs[i]))
            continue;
        append_quoted(buf, pairs[i].key);
        strbuf_append_byte(buf, ' ');
        if (pairs[i].value.at == NULL)
            strbuf_append(buf, "NIL");
        else
            append_quoted(buf, pairs[i].value);
        strbuf_append_byte(buf, ' ');
        passed++;
    }
}
