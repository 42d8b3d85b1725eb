/*
 * Reads the answers of an IMAP backend for the login that backend_login.c conducts. Each line is
 * checked as a whole before any of it is believed: what could be two lines to somebody else (a CR,
 * a NUL, a literal) is not read at all.
 */
#include "protocol/imap_response.h"

#include "protocol/imap_command.h"
#include "protocol/imap_token.h"

struct status_row {
    const char *word;
    enum imap_status status;
    bool is_tagged; /* may follow a tag */
};

static const struct status_row status_rows[] = {
    {"OK", IMAP_STATUS_OK, true},
    {"NO", IMAP_STATUS_NO, true},
    {"BAD", IMAP_STATUS_BAD, true},
    {"BYE", IMAP_STATUS_BYE, false},
    {"PREAUTH", IMAP_STATUS_PREAUTH, false},
};

static const struct status_row *find_status(struct span word)
{
    for (size_t i = 0; i < sizeof status_rows / sizeof status_rows[0]; i++)
        if (span_equal_nocase(word, span_of(status_rows[i].word)))
            return &status_rows[i];
    return NULL;
}

/* True when line ends with {n} or {n+}: a literal would follow. */
static bool announces_literal(struct span line)
{
    struct imap_literal literal;
    if (line.len == 0 || line.at[line.len - 1] != '}')
        return false;
    size_t at = line.len - 1;
    while (at > 0 && line.at[at] != '{')
        at--;
    struct span tail = span_from(line, at);
    return imap_literal_parse(tail, &literal) && literal.announced_len == tail.len;
}

/* Splits "[code] text". False when the bracket is not closed. */
static bool parse_status_text(struct span text, struct imap_response *response)
{
    response->text = text.at == NULL ? SPAN("") : text;
    if (text.len == 0 || text.at[0] != '[')
        return true;
    size_t end = span_find(text, ']');
    if (end == text.len)
        return false;
    response->code = span_make(text.at + 1, end - 1);
    response->text = span_from(text, end + 1);
    if (response->text.len > 0 && response->text.at[0] == ' ')
        response->text = span_from(response->text, 1);
    return true;
}

static enum imap_response_kind parse_untagged(struct span line, struct imap_response *response)
{
    struct span rest = line;
    struct span word = span_cut(&rest, ' ');
    const struct status_row *row = find_status(word);
    if (row == NULL) {
        response->text = line;
        return word.len > 0 ? IMAP_RESPONSE_UNTAGGED : IMAP_RESPONSE_MALFORMED;
    }
    response->status = row->status;
    return parse_status_text(rest, response) ? IMAP_RESPONSE_UNTAGGED : IMAP_RESPONSE_MALFORMED;
}

static enum imap_response_kind parse_tagged(struct span line, struct imap_response *response)
{
    struct span rest = line;
    response->tag = span_cut(&rest, ' ');
    const struct status_row *row = find_status(span_cut(&rest, ' '));
    if (!imap_is_tag(response->tag) || row == NULL || !row->is_tagged)
        return IMAP_RESPONSE_MALFORMED;
    response->status = row->status;
    return parse_status_text(rest, response) ? IMAP_RESPONSE_TAGGED : IMAP_RESPONSE_MALFORMED;
}

/* "+ text"; "+" alone is what some servers send for an empty challenge. */
static enum imap_response_kind parse_continuation(struct span line, struct imap_response *response)
{
    if (line.len > 1 && line.at[1] != ' ')
        return IMAP_RESPONSE_MALFORMED;
    response->text = span_from(line, 2);
    return IMAP_RESPONSE_CONTINUATION;
}

static enum imap_response_kind parse_line(struct span line, struct imap_response *response)
{
    if (line.len == 0 || span_has(line, '\0') || span_has(line, '\r') || announces_literal(line))
        return IMAP_RESPONSE_MALFORMED;
    if (span_starts_nocase(line, SPAN("* ")))
        return parse_untagged(span_from(line, 2), response);
    if (line.at[0] == '+')
        return parse_continuation(line, response);
    return parse_tagged(line, response);
}

enum imap_response_kind imap_response_take(struct span *input, struct imap_response *ret_response)
{
    struct span window = span_first(*input, IMAP_RESPONSE_MAX);
    size_t lf = span_find(window, '\n');
    if (lf == window.len)
        return lf == IMAP_RESPONSE_MAX ? IMAP_RESPONSE_MALFORMED : IMAP_RESPONSE_MORE;
    struct span line = span_first(window, lf);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    struct imap_response response = {.status = IMAP_STATUS_NONE};
    enum imap_response_kind kind = parse_line(line, &response);
    if (kind == IMAP_RESPONSE_MALFORMED)
        return kind;
    *input = span_from(*input, lf + 1);
    *ret_response = response;
    return kind;
}

/* --- Capabilities ----------------------------------------------------------------------------- */

/* Takes the next word off *list; empty at its end. Several spaces count as one. */
static struct span next_word(struct span *list)
{
    struct span word = SPAN_NONE;
    while (word.len == 0 && list->len > 0)
        word = span_cut(list, ' ');
    return word;
}

struct span imap_response_capabilities(const struct imap_response *response)
{
    struct span list = SPAN_NONE;
    if (response->status == IMAP_STATUS_NONE)
        list = response->text;
    else if (response->status == IMAP_STATUS_OK || response->status == IMAP_STATUS_PREAUTH)
        list = response->code;
    if (!span_equal_nocase(span_cut(&list, ' '), SPAN("CAPABILITY")))
        return SPAN_NONE;
    return list.at == NULL ? SPAN("") : list;
}

bool imap_capability_has(struct span capabilities, struct span name)
{
    struct span list = capabilities;
    for (struct span word = next_word(&list); word.len > 0; word = next_word(&list))
        if (span_equal_nocase(word, name))
            return true;
    return false;
}

/* What a logged-in client must not see; those that end with = stand for all that begin so. */
static const char *const hidden_capabilities[] = {
    "STARTTLS",       "LOGINDISABLED",   "AUTH=",             "SASL-IR",
    "UNAUTHENTICATE", "LOGIN-REFERRALS", "MAILBOX-REFERRALS",
};

static bool is_hidden(struct span capability)
{
    for (size_t i = 0; i < sizeof hidden_capabilities / sizeof hidden_capabilities[0]; i++) {
        struct span hidden = span_of(hidden_capabilities[i]);
        bool is_prefix = hidden.at[hidden.len - 1] == '=';
        if (span_starts_nocase(capability, hidden) && (is_prefix || capability.len == hidden.len))
            return true;
    }
    return false;
}

static bool is_capability_atom(struct span word)
{
    for (size_t i = 0; i < word.len; i++)
        if (!imap_is_atom_char(word.at[i]))
            return false;
    return true;
}

void imap_capability_filter(struct span capabilities, struct strbuf *buf)
{
    struct span list = capabilities;
    bool may_compress = !imap_capability_has(capabilities, SPAN("UNAUTHENTICATE"));
    const char *separator = "";
    for (struct span word = next_word(&list); word.len > 0; word = next_word(&list)) {
        if (is_hidden(word) || !is_capability_atom(word))
            continue;
        if (!may_compress && span_starts_nocase(word, SPAN("COMPRESS=")))
            continue;
        strbuf_append(buf, separator);
        strbuf_append_span(buf, word);
        separator = " ";
    }
}
