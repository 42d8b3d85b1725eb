/*
 * What an IMAP client sends before login. Claims: the events are the same however the octets are
 * cut; what is held stays within its cap; imap_command finds the strings exactly where the reader
 * found them; strings written anew are read as the same.
 */
#include <stdio.h>

#include "fuzz.h"
#include "protocol/imap_command.h"
#include "protocol/imap_reader.h"

enum { EVENTS_MAX = 1 << 24, VALUES_MAX = 16, REWRITTEN_MAX = 4000 };

/* Where the reader, fed octet by octet, saw the literals of the current command. */
struct literal_trace {
    size_t offset[IMAP_LITERALS_MAX];
    size_t size[IMAP_LITERALS_MAX];
    size_t seen; /* by imap_command */
};

static void append_number(struct strbuf *log, size_t number)
{
    strbuf_append_u64(log, number);
    strbuf_append_byte(log, ' ');
}

static void log_event(const struct imap_reader *reader, enum imap_event event, struct strbuf *log)
{
    append_number(log, event);
    if (event == IMAP_EVENT_COMMAND || event == IMAP_EVENT_LINE) {
        append_number(log, imap_reader_text(reader).len);
        strbuf_append_span(log, imap_reader_text(reader));
    }
    if (event == IMAP_EVENT_BAD || event == IMAP_EVENT_FATAL)
        strbuf_append(log, reader->problem);
}

/* As a session does after AUTHENTICATE without an initial response. */
static bool asks_for_answer(struct span text)
{
    struct imap_command command;
    struct span mechanism;
    return imap_command_split(text, &command) &&
           span_equal_nocase(command.name, SPAN("AUTHENTICATE")) &&
           imap_take_atom(&command.arguments, &mechanism) && command.arguments.at == NULL;
}

/* --- Lines and literals ----------------------------------------------------------------------- */

/* line is followed by a literal of size octets: it must say so at its very end. */
static void check_announcement(struct span line, size_t size)
{
    invariant(line.len >= 2 && line.at[line.len - 2] == '\r' && line.at[line.len - 1] == '\n');
    size_t start = line.len;
    do
        start--;
    while (start > 0 && line.at[start] != '{');
    char announced[32];
    (void)snprintf(announced, sizeof announced, "%.*s", (int)(line.len - start), line.at + start);
    char *end;
    invariant(announced[0] == '{' && strtoull(announced + 1, &end, 10) == size);
    invariant(strcmp(end, "}\r\n") == 0 || strcmp(end, "+}\r\n") == 0);
}

/* Outside literals a command has no line end but those of the announcements, and no NUL. */
static void check_lines(struct span text, const struct literal_trace *trace, size_t literals)
{
    size_t start = 0;
    for (size_t i = 0; i <= literals; i++) {
        size_t end = i == literals ? text.len : trace->offset[i];
        struct span line = span_first(span_from(text, start), end - start);
        if (i < literals) {
            check_announcement(line, trace->size[i]);
            line.len -= 2;
            start = end + trace->size[i];
        }
        invariant(!span_has(line, '\r') && !span_has(line, '\n') && !span_has(line, '\0'));
    }
}

/* --- Reader and command agree ----------------------------------------------------------------- */

static void check_value(struct span text, struct span value, struct literal_trace *trace)
{
    invariant(!span_has(value, '\0'));
    bool lies_in_text = value.at > text.at && value.at <= text.at + text.len;
    if (!lies_in_text || value.at[-1] != '\n')
        return;
    invariant(trace->offset[trace->seen] == (size_t)(value.at - text.at));
    invariant(trace->size[trace->seen] == value.len);
    trace->seen++;
}

static void check_id(struct span text, struct span arguments, struct literal_trace *trace,
                     size_t literals)
{
    auto_strbuf struct strbuf scratch = STRBUF(IMAP_COMMAND_MAX);
    struct imap_id_pair pairs[IMAP_ID_PAIRS_MAX];
    size_t count;
    trace->seen = 0;
    if (!imap_parse_id(arguments, &scratch, pairs, &count))
        return;
    invariant(count <= IMAP_ID_PAIRS_MAX);
    for (size_t i = 0; i < count; i++) {
        check_value(text, pairs[i].key, trace);
        check_value(text, pairs[i].value, trace);
    }
    invariant(trace->seen == literals);
}

static void check_rewritten(const struct span *values, size_t count)
{
    auto_strbuf struct strbuf wire = STRBUF(IMAP_COMMAND_MAX);
    strbuf_append(&wire, "t N");
    for (size_t i = 0; i < count; i++) {
        strbuf_append_byte(&wire, ' ');
        imap_append_string(&wire, values[i]);
    }
    strbuf_append(&wire, "\r\n");
    invariant(!strbuf_failed(&wire));

    struct imap_reader reader;
    imap_reader_init(&reader);
    struct span input = strbuf_span(&wire);
    invariant(imap_reader_feed(&reader, &input) == IMAP_EVENT_COMMAND && input.len == 0);
    struct imap_command command;
    invariant(imap_command_split(imap_reader_text(&reader), &command));
    auto_strbuf struct strbuf scratch = STRBUF(IMAP_COMMAND_MAX);
    for (size_t i = 0; i < count; i++) {
        struct span value;
        invariant(imap_take_astring(&command.arguments, &scratch, &value));
        invariant(span_equal(value, values[i]));
    }
    invariant(command.arguments.at == NULL);
    imap_reader_fini(&reader);
}

static void check_command(const struct imap_reader *reader, struct literal_trace *trace)
{
    struct span text = imap_reader_text(reader);
    struct imap_command command;
    check_lines(text, trace, reader->literals);
    if (!imap_command_split(text, &command))
        return;
    auto_strbuf struct strbuf scratch = STRBUF(IMAP_COMMAND_MAX);
    struct span values[VALUES_MAX];
    struct span rest = command.arguments;
    size_t count = 0;
    trace->seen = 0;
    while (count < VALUES_MAX && rest.at != NULL &&
           imap_take_astring(&rest, &scratch, &values[count])) {
        check_value(text, values[count], trace);
        count++;
    }
    if (rest.at == NULL)
        invariant(trace->seen == reader->literals);
    if (text.len <= REWRITTEN_MAX)
        check_rewritten(values, count);
    check_id(text, command.arguments, trace, reader->literals);
}

/* --- Feeding ---------------------------------------------------------------------------------- */

static enum imap_event feed_once(struct imap_reader *reader, struct span *piece,
                                 struct literal_trace *trace, struct strbuf *log)
{
    uint16_t literals = reader->literals;
    enum imap_event event = imap_reader_feed(reader, piece);
    invariant(reader->text.len <= IMAP_COMMAND_MAX);
    invariant(reader->text.size <= IMAP_COMMAND_MAX + 1);
    if (trace != NULL && reader->literals > literals) {
        trace->offset[literals] = reader->text.len;
        trace->size[literals] = (size_t)reader->literal_left;
    }
    if (event == IMAP_EVENT_MORE) {
        invariant(piece->len == 0);
        return event;
    }
    log_event(reader, event, log);
    if (event == IMAP_EVENT_COMMAND && trace != NULL)
        check_command(reader, trace);
    if (event == IMAP_EVENT_COMMAND && asks_for_answer(imap_reader_text(reader)))
        imap_reader_expect_line(reader);
    return event;
}

static void run(struct span input, enum fuzz_cutting cutting, struct strbuf *log)
{
    struct literal_trace trace = {.seen = 0};
    struct imap_reader reader;
    imap_reader_init(&reader);
    struct fuzz_pieces pieces = fuzz_cut(input, cutting);
    struct span piece;
    enum imap_event event = IMAP_EVENT_MORE;
    while (event != IMAP_EVENT_FATAL && fuzz_next_piece(&pieces, &piece)) {
        do
            event = feed_once(&reader, &piece, cutting == FUZZ_BYTEWISE ? &trace : NULL, log);
        while (event != IMAP_EVENT_MORE && event != IMAP_EVENT_FATAL);
    }
    fuzz_pieces_fini(&pieces);
    append_number(log, imap_reader_is_empty(&reader));
    imap_reader_fini(&reader);
    invariant(!strbuf_failed(log));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    auto_strbuf struct strbuf whole = STRBUF(EVENTS_MAX);
    run(span_make(octets, len), FUZZ_WHOLE, &whole);
    for (enum fuzz_cutting cutting = FUZZ_BYTEWISE; cutting < FUZZ_CUTTING_COUNT; cutting++) {
        auto_strbuf struct strbuf cut = STRBUF(EVENTS_MAX);
        run(span_make(octets, len), cutting, &cut);
        invariant(span_equal(strbuf_span(&whole), strbuf_span(&cut)));
    }
    return 0;
}
