/*
 * The first reader that an IMAP client's octets meet. imap_session.c feeds it what the stream
 * decrypted and hands the commands that it finds to imap_command.c.
 *
 * A line is collected until its LF and then walked once, with the tokens that imap_command uses:
 * only a walk that reaches the end of the line knows whether {5} there announces a literal or
 * stands in a quoted string. What the walk can't be certain of is refused, and where the doubt is
 * about octets that the client sends without waiting, the connection ends: to guess wrong would
 * mean to read a password as commands.
 */
#include "protocol/imap_reader.h"

#include "base/invariant.h"
#include "protocol/imap_token.h"

enum reader_state {
    READER_LINE,          /* in a line that begins a command */
    READER_AFTER_LITERAL, /* in a line that goes on after a literal */
    READER_LITERAL,       /* in a literal */
    READER_ANSWER,        /* in a line that answers a challenge */
    READER_GIVEN,         /* the text was given to the caller; a command comes next */
    READER_GIVEN_ANSWER,  /* the same; an answer comes next */
    READER_LOST,          /* after FATAL */
};

/* What the walk over one line of a command found. */
struct line_form {
    const char *problem; /* NULL when all is well */
    bool is_lost;        /* the walk did not reach the end */
    bool has_literal;
    struct imap_literal literal;
};

void imap_reader_init(struct imap_reader *reader)
{
    *reader = (struct imap_reader){.text = STRBUF(IMAP_COMMAND_MAX), .state = READER_LINE};
}

void imap_reader_fini(struct imap_reader *reader)
{
    strbuf_wipe(&reader->text);
    imap_reader_init(reader);
}

/* The one place that forgets a command. */
static void reader_begin(struct imap_reader *reader, enum reader_state state)
{
    imap_reader_fini(reader);
    reader->state = (uint8_t)state;
}

void imap_reader_expect_line(struct imap_reader *reader)
{
    invariant(imap_reader_is_empty(reader));
    reader->state = READER_GIVEN_ANSWER;
}

struct span imap_reader_text(const struct imap_reader *reader)
{
    return strbuf_span(&reader->text);
}

bool imap_reader_is_empty(const struct imap_reader *reader)
{
    return reader->state == READER_GIVEN || reader->state == READER_GIVEN_ANSWER ||
           (reader->state != READER_LOST && reader->text.len == 0);
}

static void note_problem(struct imap_reader *reader, const char *problem)
{
    if (reader->problem == NULL)
        reader->problem = problem;
    reader->is_bad = true;
}

static enum imap_event give_fatal(struct imap_reader *reader, const char *problem)
{
    reader->problem = problem;
    reader->state = READER_LOST;
    return IMAP_EVENT_FATAL;
}

static enum imap_event give(struct imap_reader *reader, enum imap_event event)
{
    reader->state = READER_GIVEN;
    return reader->is_bad ? IMAP_EVENT_BAD : event;
}

static enum imap_event give_bad(struct imap_reader *reader, const char *problem)
{
    note_problem(reader, problem);
    return give(reader, IMAP_EVENT_BAD);
}

/* --- One line --------------------------------------------------------------------------------- */

/* A string begins after a space or a parenthesis, nowhere else. */
static bool begins_token(struct span line, size_t at)
{
    return at > 0 && (line.at[at - 1] == ' ' || line.at[at - 1] == '(');
}

static bool ends_token(struct span line, size_t at)
{
    return at == line.len || line.at[at] == ' ' || line.at[at] == ')';
}

static struct line_form lost(const char *problem)
{
    return (struct line_form){.problem = problem, .is_lost = true};
}

/*
 * Walks line (without its line end). Parentheses are not counted: they cost nothing here, and
 * imap_command takes one level at most.
 */
static struct line_form walk_line(struct span line, bool follows_literal)
{
    struct line_form form = {0};
    if (follows_literal && !ends_token(line, 0))
        form.problem = "something other than a space after a literal";
    for (size_t at = 0; at < line.len; at++) {
        struct span rest = span_from(line, at);
        if (rest.at[0] == '"') {
            size_t len = begins_token(line, at) ? imap_quoted_length(rest) : 0;
            if (len == 0 || !ends_token(line, at + len))
                return lost("misplaced or unfinished quoted string");
            at += len - 1;
        } else if (rest.at[0] == '{') {
            if (!imap_literal_parse(rest, &form.literal) || form.literal.announced_len != rest.len)
                return lost("malformed literal");
            if (!begins_token(line, at))
                form.problem = "misplaced literal";
            form.has_literal = true;
            return form;
        }
    }
    return form;
}

/* --- What follows from a line ----------------------------------------------------------------- */

static enum imap_event begin_literal(struct imap_reader *reader, const struct imap_literal *literal)
{
    reader->literals++;
    reader->literal_left = literal->size;
    reader->line_start = reader->text.len;
    reader->state = literal->size == 0 ? READER_AFTER_LITERAL : READER_LITERAL;
    return literal->is_synchronising ? IMAP_EVENT_LITERAL : IMAP_EVENT_MORE;
}

/*
 * A synchronising literal that we don't want is refused by the tagged BAD: the client has not sent
 * it and does not. The octets of a non-synchronising one are on their way and are either read or
 * the end of the connection.
 */
static enum imap_event take_announcement(struct imap_reader *reader,
                                         const struct imap_literal *literal)
{
    const char *problem = NULL;
    if (literal->size > IMAP_LITERAL_MAX)
        problem = "literal too large";
    else if (reader->literals == IMAP_LITERALS_MAX)
        problem = "too many literals";
    else if (literal->size > IMAP_COMMAND_MAX - reader->text.len)
        problem = "command too long";
    if (literal->is_synchronising && (reader->is_bad || problem != NULL))
        return give_bad(reader, problem);
    return problem == NULL ? begin_literal(reader, literal) : give_fatal(reader, problem);
}

/* The walk stopped early: the end is certain only if nothing seems to follow unasked. */
static enum imap_event take_lost_line(struct imap_reader *reader, struct span line,
                                      const char *problem)
{
    if (line.len >= 2 && line.at[line.len - 2] == '+' && line.at[line.len - 1] == '}')
        return give_fatal(reader, problem);
    return give_bad(reader, problem);
}

static enum imap_event take_command_line(struct imap_reader *reader, struct span line)
{
    struct line_form form = walk_line(line, reader->state == READER_AFTER_LITERAL);
    if (form.problem != NULL)
        note_problem(reader, form.problem);
    if (form.is_lost)
        return take_lost_line(reader, line, form.problem);
    if (form.has_literal)
        return take_announcement(reader, &form.literal);
    strbuf_truncate(&reader->text, reader->line_start + line.len);
    return give(reader, IMAP_EVENT_COMMAND);
}

/* The line in text from line_start on is whole, its LF included. */
static enum imap_event take_line(struct imap_reader *reader)
{
    struct span line = span_from(strbuf_span(&reader->text), reader->line_start);
    line.len--;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    else
        note_problem(reader, "line end without CR");
    if (span_has(line, '\r'))
        note_problem(reader, "CR without LF");
    if (span_has(line, '\0'))
        note_problem(reader, "NUL in a line");
    if (reader->state != READER_ANSWER)
        return take_command_line(reader, line);
    strbuf_truncate(&reader->text, line.len);
    return give(reader, IMAP_EVENT_LINE);
}

/* --- Octets ----------------------------------------------------------------------------------- */

static void take_octets(struct imap_reader *reader, struct span *input, size_t len)
{
    strbuf_append_span(&reader->text, span_first(*input, len));
    *input = span_from(*input, len);
}

static enum imap_event read_literal(struct imap_reader *reader, struct span *input)
{
    size_t len = reader->literal_left < input->len ? (size_t)reader->literal_left : input->len;
    if (span_has(span_first(*input, len), '\0'))
        note_problem(reader, "NUL in a literal");
    take_octets(reader, input, len);
    reader->literal_left -= len;
    if (reader->literal_left == 0) {
        reader->line_start = reader->text.len;
        reader->state = READER_AFTER_LITERAL;
    }
    return IMAP_EVENT_MORE;
}

static enum imap_event read_line(struct imap_reader *reader, struct span *input)
{
    size_t line_max = reader->state == READER_ANSWER ? IMAP_SASL_LINE_MAX : IMAP_LINE_MAX;
    size_t line_room = line_max - (reader->text.len - reader->line_start);
    size_t command_room = IMAP_COMMAND_MAX - reader->text.len;
    struct span window = span_first(*input, line_room < command_room ? line_room : command_room);
    size_t lf = span_find(window, '\n');
    if (lf < window.len) {
        take_octets(reader, input, lf + 1);
        return take_line(reader);
    }
    take_octets(reader, input, window.len);
    if (window.len == line_room)
        return give_fatal(reader, "line too long");
    if (window.len == command_room)
        return give_fatal(reader, "command too long");
    return IMAP_EVENT_MORE;
}

/* Takes what belongs together; MORE when that completed no event. */
static enum imap_event read_some(struct imap_reader *reader, struct span *input)
{
    if (reader->state == READER_GIVEN)
        reader_begin(reader, READER_LINE);
    if (reader->state == READER_GIVEN_ANSWER)
        reader_begin(reader, READER_ANSWER);
    if (reader->state == READER_LITERAL)
        return read_literal(reader, input);
    return read_line(reader, input);
}

enum imap_event imap_reader_feed(struct imap_reader *reader, struct span *input)
{
    enum imap_event event = IMAP_EVENT_MORE;
    if (reader->state == READER_LOST)
        return IMAP_EVENT_FATAL;
    while (event == IMAP_EVENT_MORE && input->len > 0) {
        event = read_some(reader, input);
        if (strbuf_failed(&reader->text))
            return give_fatal(reader, "out of memory");
    }
    return event;
}
