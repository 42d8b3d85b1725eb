/*
 * Tests of protocol/imap_reader.h. Each row is a transcript and the events that it gives; it is fed
 * whole, octet by octet and at random cuts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/imap_reader.h"

enum { EVENTS_MAX = 1 << 20, RANDOM_CUTS = 20 };

static void append_printable(struct strbuf *log, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '\r' || c == '\n' || c == '\0')
            strbuf_append(log, c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\0");
        else
            strbuf_append_byte(log, c);
    }
}

static void log_event(const struct imap_reader *reader, enum imap_event event, struct strbuf *log)
{
    switch (event) {
    case IMAP_EVENT_MORE:
        break;
    case IMAP_EVENT_LITERAL:
        strbuf_append(log, "LITERAL|");
        break;
    case IMAP_EVENT_COMMAND:
    case IMAP_EVENT_LINE:
        strbuf_append(log, event == IMAP_EVENT_COMMAND ? "COMMAND " : "LINE ");
        append_printable(log, imap_reader_text(reader));
        strbuf_append(log, "|");
        break;
    case IMAP_EVENT_BAD:
    case IMAP_EVENT_FATAL:
        strbuf_append(log, event == IMAP_EVENT_BAD ? "BAD " : "FATAL ");
        strbuf_append(log, reader->problem);
        strbuf_append(log, "|");
        break;
    }
}

/* After a command that ends in "AUTHENTICATE PLAIN" an answer is expected, as in a session. */
static bool asks_for_answer(struct span text)
{
    struct span asking = SPAN("AUTHENTICATE PLAIN");
    return text.len >= asking.len && span_equal(span_from(text, text.len - asking.len), asking);
}

/* Feeds one piece; false after FATAL. */
static bool feed(struct imap_reader *reader, struct span piece, struct strbuf *log)
{
    for (;;) {
        size_t before = piece.len;
        enum imap_event event = imap_reader_feed(reader, &piece);
        log_event(reader, event, log);
        if (event == IMAP_EVENT_FATAL)
            return false;
        if (event == IMAP_EVENT_MORE) {
            assert_int_equal(piece.len, 0);
            return true;
        }
        assert_true(piece.len < before);
        if (event == IMAP_EVENT_COMMAND && asks_for_answer(imap_reader_text(reader)))
            imap_reader_expect_line(reader);
    }
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

/* max_piece 0: whole. */
static void run(struct span input, uint32_t max_piece, struct strbuf *log)
{
    struct imap_reader reader;
    imap_reader_init(&reader);
    assert_true(imap_reader_is_empty(&reader));
    struct span rest = input;
    bool is_alive = true;
    while (is_alive && rest.len > 0) {
        size_t len = max_piece == 0 ? rest.len : 1 + random_below(max_piece);
        is_alive = feed(&reader, span_first(rest, len), log);
        assert_true(reader.text.len <= IMAP_COMMAND_MAX);
        assert_true(reader.text.size <= IMAP_COMMAND_MAX + 1);
        rest = span_from(rest, len);
    }
    if (is_alive && !imap_reader_is_empty(&reader))
        strbuf_append(log, "held|");
    imap_reader_fini(&reader);
    assert_true(imap_reader_is_empty(&reader));
}

static void expect(struct span input, const char *events)
{
    static const uint32_t pieces[RANDOM_CUTS] = {0, 1, 2, 3, 5, 7, 11, 40, 200, 3000};
    for (size_t i = 0; i < RANDOM_CUTS; i++) {
        auto_strbuf struct strbuf log = STRBUF(EVENTS_MAX);
        run(input, i > 0 && pieces[i] == 0 ? 20 : pieces[i], &log);
        assert_string_equal(strbuf_text(&log), events);
    }
}

struct transcript {
    const char *input;
    const char *events;
};

static void expect_all(const struct transcript *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(span_of(rows[i].input), rows[i].events);
}

#define EXPECT_ALL(rows) expect_all(rows, sizeof(rows) / sizeof(rows)[0])

static void test_lines_are_commands(void **state)
{
    (void)state;
    static const struct transcript rows[] = {
        {"", ""},
        {"a NOOP\r\n", "COMMAND a NOOP|"},
        {"a NOOP\r\nb LOGOUT\r\n", "COMMAND a NOOP|COMMAND b LOGOUT|"},
        {"\r\n", "COMMAND |"},
        {"a NOO", "held|"},
        {"a NOOP\r", "held|"},
        {"a LOGIN \"x y\" \"\"\r\n", "COMMAND a LOGIN \"x y\" \"\"|"},
        {"a LOGIN \"\\\"\\\\\" z\r\n", "COMMAND a LOGIN \"\\\"\\\\\" z|"},
        {"a LOGIN \xc3\xa9 \"\xff\"\r\n", "COMMAND a LOGIN \xc3\xa9 \"\xff\"|"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
         "COMMAND GET / HTTP/1.1|COMMAND Host: x|COMMAND |"},
    };
    EXPECT_ALL(rows);
}

static void test_line_ends(void **state)
{
    (void)state;
    static const struct transcript rows[] = {
        {"a NOOP\nb NOOP\r\n", "BAD line end without CR|COMMAND b NOOP|"},
        {"\n", "BAD line end without CR|"},
        {"a NO\rOP\r\nb NOOP\r\n", "BAD CR without LF|COMMAND b NOOP|"},
        {"a NOOP\r\r\n", "BAD CR without LF|"},
        {"a LOGIN \"x\ry\" z\r\n", "BAD CR without LF|"},
        /* after a refused {1} its octet is not sent; here it is, and is read as a command */
        {"a LOGIN {1}\nx y\r\n", "BAD line end without CR|COMMAND x y|"},
        {"a LOGIN {1+}\nx y\r\nb NOOP\r\n", "BAD line end without CR|COMMAND b NOOP|"},
        /* announced, but not at the very end: the CR is in the way */
        {"a LOGIN {1+}\r\r\nb NOOP\r\n", "BAD CR without LF|COMMAND b NOOP|"},
    };
    EXPECT_ALL(rows);
}

static void test_nul(void **state)
{
    (void)state;
    expect(SPAN("a NO\0P\r\nb NOOP\r\n"), "BAD NUL in a line|COMMAND b NOOP|");
    expect(SPAN("a LOGIN {3+}\r\nx\0y z\r\nb NOOP\r\n"), "BAD NUL in a literal|COMMAND b NOOP|");
    expect(SPAN("a LOGIN {3}\r\nx\0y {3}\r\nb NOOP\r\n"),
           "LITERAL|BAD NUL in a literal|COMMAND b NOOP|");
    expect(SPAN("a LOGIN x\0 {3+}\r\nb N\r\nc NOOP\r\n"), "BAD NUL in a line|COMMAND c NOOP|");
    expect(SPAN("a AUTHENTICATE PLAIN\r\nAA\0A\r\nb NOOP\r\n"),
           "COMMAND a AUTHENTICATE PLAIN|BAD NUL in a line|COMMAND b NOOP|");
}

static void test_literals(void **state)
{
    (void)state;
    static const struct transcript rows[] = {
        {"a LOGIN {5}\r\nalice {3}\r\npwd\r\n",
         "LITERAL|LITERAL|COMMAND a LOGIN {5}\\r\\nalice {3}\\r\\npwd|"},
        {"a LOGIN {5+}\r\nalice {3+}\r\npwd\r\nb NOOP\r\n",
         "COMMAND a LOGIN {5+}\\r\\nalice {3+}\\r\\npwd|COMMAND b NOOP|"},
        {"a LOGIN {0} x\r\n", "BAD malformed literal|"},
        {"a LOGIN {0}\r\n {0+}\r\n\r\n", "LITERAL|COMMAND a LOGIN {0}\\r\\n {0+}\\r\\n|"},
        {"a LOGIN {0005+}\r\nalice x\r\n", "COMMAND a LOGIN {0005+}\\r\\nalice x|"},
        /* a literal's content is never a command, a quote or a literal */
        {"a LOGIN {10+}\r\nb LOGOUT\r\n\" {2+}\r\nxx\r\n",
         "FATAL misplaced or unfinished quoted string|"},
        {"a LOGIN {10+}\r\nb LOGOUT\r\n x\r\n", "COMMAND a LOGIN {10+}\\r\\nb LOGOUT\\r\\n x|"},
        {"a LOGIN {7+}\r\n\"{99+}\" x\r\n", "COMMAND a LOGIN {7+}\\r\\n\"{99+}\" x|"},
        {"a ID ({1+}\r\nx {1+}\r\ny)\r\n", "COMMAND a ID ({1+}\\r\\nx {1+}\\r\\ny)|"},
        {"a LOGIN {5", "held|"},
        {"a LOGIN {5}\r\nali", "LITERAL|held|"},
        {"a LOGIN {5}\r\nalice", "LITERAL|held|"},
    };
    EXPECT_ALL(rows);
}

static void test_malformed_literals(void **state)
{
    (void)state;
    static const struct transcript rows[] = {
        {"a LOGIN {5-}\r\n", "BAD malformed literal|"},
        {"a LOGIN {+5}\r\n", "BAD malformed literal|"},
        {"a LOGIN { 5}\r\n", "BAD malformed literal|"},
        {"a LOGIN {5 }\r\n", "BAD malformed literal|"},
        {"a LOGIN {-5}\r\n", "BAD malformed literal|"},
        {"a LOGIN {}\r\n", "BAD malformed literal|"},
        {"a LOGIN {0x5}\r\n", "BAD malformed literal|"},
        {"a LOGIN {5}}\r\n", "BAD malformed literal|"},
        {"a LOGIN {{5}\r\n", "BAD malformed literal|"},
        {"a LOGIN {5}x\r\n", "BAD malformed literal|"},
        {"a LOGIN {5} \r\n", "BAD malformed literal|"},
        {"a LOGIN {5+} \r\n", "BAD malformed literal|"},
        {"a LOGIN {00000000005}\r\n", "BAD malformed literal|"},
        {"a LOGIN {4294967296}\r\n", "BAD malformed literal|"},
        {"a LOGIN {9223372036854775808}\r\n", "BAD malformed literal|"},
        {"a LOGIN {18446744073709551621}\r\n", "BAD malformed literal|"},
        /* the size can't be read, and the octets come unasked */
        {"a LOGIN {5++}\r\nb NOOP\r\n", "FATAL malformed literal|"},
        {"a LOGIN {+}\r\n", "FATAL malformed literal|"},
        {"a LOGIN { 5+}\r\n", "FATAL malformed literal|"},
        {"a LOGIN {5-+}\r\n", "FATAL malformed literal|"},
        {"a LOGIN {+5+}\r\n", "FATAL malformed literal|"},
        {"a LOGIN {00000000005+}\r\n", "FATAL malformed literal|"},
        {"a LOGIN {4294967296+}\r\n", "FATAL malformed literal|"},
        {"a LOGIN {18446744073709551621+}\r\nxxxxx\r\n", "FATAL malformed literal|"},
        {"a LOGIN x{y {5+}\r\n", "FATAL malformed literal|"},
        /* glued to an atom: refused, but read over */
        {"a LOGIN foo{5}\r\nb NOOP\r\n", "BAD misplaced literal|COMMAND b NOOP|"},
        {"a LOGIN foo{3+}\r\nb x\r\nc NOOP\r\n", "BAD misplaced literal|COMMAND c NOOP|"},
        {"a LOGIN ~{3+}\r\nb x\r\nc NOOP\r\n", "BAD misplaced literal|COMMAND c NOOP|"},
        {"{3+}\r\nb x\r\nc NOOP\r\n", "BAD misplaced literal|COMMAND c NOOP|"},
        /* followed by neither space nor line end */
        {"a LOGIN {1+}\r\nxy z\r\nb NOOP\r\n",
         "BAD something other than a space after a literal|COMMAND b NOOP|"},
        {"a LOGIN {1+}\r\nx{1+}\r\ny\r\nb NOOP\r\n", "BAD misplaced literal|COMMAND b NOOP|"},
        {"a LOGIN {1+}\r\nx\"y\"\r\n", "BAD misplaced or unfinished quoted string|"},
    };
    EXPECT_ALL(rows);
}

static void test_quotes_hide_literals(void **state)
{
    (void)state;
    static const struct transcript rows[] = {
        {"a LOGIN x \"{5}\"\r\n", "COMMAND a LOGIN x \"{5}\"|"},
        {"a LOGIN x \"\\\"{5+}\"\r\nb NOOP\r\n", "COMMAND a LOGIN x \"\\\"{5+}\"|COMMAND b NOOP|"},
        {"a LOGIN \"{5+}\" {1+}\r\nx\r\n", "COMMAND a LOGIN \"{5+}\" {1+}\\r\\nx|"},
        {"a LOGIN x \"{5}\r\nb NOOP\r\n",
         "BAD misplaced or unfinished quoted string|COMMAND b NOOP|"},
        {"a LOGIN x \"{5+}\r\n", "FATAL misplaced or unfinished quoted string|"},
        {"a LOGIN x \"\\\" {5+}\r\n", "FATAL misplaced or unfinished quoted string|"},
        {"a LOGIN x \"\\n\" {5+}\r\n", "FATAL misplaced or unfinished quoted string|"},
        {"a LOGIN x \"\\\r\n", "BAD misplaced or unfinished quoted string|"},
        {"a LOGIN x\" {5+}\r\n", "FATAL misplaced or unfinished quoted string|"},
        {"a LOGIN x\"y\"\r\n", "BAD misplaced or unfinished quoted string|"},
        {"a LOGIN \"x\"y\r\n", "BAD misplaced or unfinished quoted string|"},
        {"a LOGIN \"x\"\"y\"\r\n", "BAD misplaced or unfinished quoted string|"},
        {"\"a\" LOGIN\r\n", "BAD misplaced or unfinished quoted string|"},
    };
    EXPECT_ALL(rows);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct transcript rows[] = {
        {"a AUTHENTICATE PLAIN\r\nAGEAYg==\r\nb NOOP\r\n",
         "COMMAND a AUTHENTICATE PLAIN|LINE AGEAYg==|COMMAND b NOOP|"},
        {"a AUTHENTICATE PLAIN\r\n*\r\n", "COMMAND a AUTHENTICATE PLAIN|LINE *|"},
        {"a AUTHENTICATE PLAIN\r\n\r\n", "COMMAND a AUTHENTICATE PLAIN|LINE |"},
        {"a AUTHENTICATE PLAIN\r\nx {5+}\r\nb NOOP\r\n",
         "COMMAND a AUTHENTICATE PLAIN|LINE x {5+}|COMMAND b NOOP|"},
        {"a AUTHENTICATE PLAIN\r\nAA==\nb NOOP\r\n",
         "COMMAND a AUTHENTICATE PLAIN|BAD line end without CR|COMMAND b NOOP|"},
        {"a AUTHENTICATE PLAIN\r\nAA", "COMMAND a AUTHENTICATE PLAIN|held|"},
    };
    EXPECT_ALL(rows);
}

/* As captured in migadu/sora's report: ID and LOGIN in non-synchronising literals before login. */
static void test_new_outlook(void **state)
{
    (void)state;
    expect(SPAN("1 CAPABILITY\r\n"
                "2 ID ({4+}\r\nname {23+}\r\nMicrosoft.Exchange.Imap "
                "{7+}\r\nversion {3+}\r\n1.0)\r\n"
                "3 LOGIN {17+}\r\nalice@example.org {10+}\r\np{5} \"w\\rd\r\n"),
           "COMMAND 1 CAPABILITY|"
           "COMMAND 2 ID ({4+}\\r\\nname {23+}\\r\\nMicrosoft.Exchange.Imap {7+}\\r\\nversion "
           "{3+}\\r\\n1.0)|"
           "COMMAND 3 LOGIN {17+}\\r\\nalice@example.org {10+}\\r\\np{5} \"w\\rd|");
}

/* --- Limits ----------------------------------------------------------------------------------- */

static void append_repeated(struct strbuf *buf, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_append(buf, text);
}

static void test_longest_line(void **state)
{
    (void)state;
    auto_strbuf struct strbuf input = STRBUF(1 << 20);
    auto_strbuf struct strbuf events = STRBUF(1 << 20);
    append_repeated(&input, "a", IMAP_LINE_MAX - 2);
    strbuf_format(&events, "COMMAND %s|", strbuf_text(&input));
    strbuf_append(&input, "\r\n");
    expect(strbuf_span(&input), strbuf_text(&events));

    strbuf_reset(&input);
    append_repeated(&input, "a", IMAP_LINE_MAX - 1);
    strbuf_append(&input, "\r\n");
    expect(strbuf_span(&input), "FATAL line too long|");
}

static void test_longest_answer(void **state)
{
    (void)state;
    auto_strbuf struct strbuf input = STRBUF(1 << 20);
    auto_strbuf struct strbuf events = STRBUF(1 << 20);
    strbuf_append(&events, "COMMAND a AUTHENTICATE PLAIN|LINE ");
    append_repeated(&events, "A", IMAP_SASL_LINE_MAX - 2);
    strbuf_append(&events, "|");
    strbuf_append(&input, "a AUTHENTICATE PLAIN\r\n");
    append_repeated(&input, "A", IMAP_SASL_LINE_MAX - 2);
    strbuf_append(&input, "\r\n");
    expect(strbuf_span(&input), strbuf_text(&events));

    strbuf_truncate(&input, input.len - 2);
    strbuf_append(&input, "A\r\n");
    expect(strbuf_span(&input), "COMMAND a AUTHENTICATE PLAIN|FATAL line too long|");
}

static void test_literal_limits(void **state)
{
    (void)state;
    static const struct transcript rows[] = {
        /* a refused synchronising literal is not sent: the next line is a command */
        {"a LOGIN {4097}\r\nb NOOP\r\n", "BAD literal too large|COMMAND b NOOP|"},
        {"a LOGIN {2147483648}\r\n", "BAD literal too large|"},
        {"a LOGIN {4294967295}\r\nb NOOP\r\n", "BAD literal too large|COMMAND b NOOP|"},
        {"a LOGIN {4097+}\r\nb NOOP\r\n", "FATAL literal too large|"},
        {"a LOGIN {4294967295+}\r\n", "FATAL literal too large|"},
        {"a LOGIN {4096}\r\n", "LITERAL|held|"},
        {"a LOGIN {4096+}\r\n", "held|"},
    };
    EXPECT_ALL(rows);
}

static void test_number_of_literals(void **state)
{
    (void)state;
    auto_strbuf struct strbuf input = STRBUF(1 << 20);
    strbuf_append(&input, "a ID");
    append_repeated(&input, " {0}\r\n", IMAP_LITERALS_MAX);
    auto_strbuf struct strbuf events = STRBUF(1 << 20);
    append_repeated(&events, "LITERAL|", IMAP_LITERALS_MAX);

    size_t fits = input.len;
    strbuf_append(&input, " {0}\r\nb NOOP\r\n");
    size_t answered = events.len;
    strbuf_append(&events, "BAD too many literals|COMMAND b NOOP|");
    expect(strbuf_span(&input), strbuf_text(&events));

    strbuf_truncate(&input, fits);
    strbuf_append(&input, " {0+}\r\nb NOOP\r\n");
    strbuf_truncate(&events, answered);
    strbuf_append(&events, "FATAL too many literals|");
    expect(strbuf_span(&input), strbuf_text(&events));
}

static void test_longest_command(void **state)
{
    (void)state;
    auto_strbuf struct strbuf literal = STRBUF(8192);
    strbuf_append(&literal, " {4096+}\r\n");
    append_repeated(&literal, "x", IMAP_LITERAL_MAX);
    auto_strbuf struct strbuf input = STRBUF(1 << 20);
    strbuf_append(&input, "a ID");
    append_repeated(&input, strbuf_text(&literal), 8);
    expect(strbuf_span(&input), "FATAL command too long|");

    /* seven of them fit, and then a line that does not */
    strbuf_truncate(&input, 4 + 7 * literal.len);
    strbuf_append(&input, " ");
    append_repeated(&input, "y", 5000);
    expect(strbuf_span(&input), "FATAL command too long|");
}

static void test_deep_parentheses_cost_nothing(void **state)
{
    (void)state;
    auto_strbuf struct strbuf input = STRBUF(1 << 20);
    strbuf_append(&input, "a ID ");
    append_repeated(&input, "(", 8000);
    auto_strbuf struct strbuf events = STRBUF(1 << 20);
    strbuf_format(&events, "COMMAND %s|", strbuf_text(&input));
    strbuf_append(&input, "\r\n");
    expect(strbuf_span(&input), strbuf_text(&events));
}

/* --- What the caller may rely on -------------------------------------------------------------- */

static void test_text_after_bad_has_the_tag(void **state)
{
    (void)state;
    struct imap_reader reader;
    imap_reader_init(&reader);
    struct span input = SPAN("tag LOGIN {5-}\r\nnext");
    assert_int_equal(imap_reader_feed(&reader, &input), IMAP_EVENT_BAD);
    assert_true(span_equal(input, SPAN("next")));
    assert_true(span_starts_nocase(imap_reader_text(&reader), SPAN("tag LOGIN")));
    assert_true(imap_reader_is_empty(&reader));
    imap_reader_fini(&reader);
}

static void test_fatal_stays(void **state)
{
    (void)state;
    struct imap_reader reader;
    imap_reader_init(&reader);
    struct span input = SPAN("a LOGIN {5++}\r\n");
    assert_int_equal(imap_reader_feed(&reader, &input), IMAP_EVENT_FATAL);
    input = SPAN("a NOOP\r\n");
    assert_int_equal(imap_reader_feed(&reader, &input), IMAP_EVENT_FATAL);
    assert_int_equal(input.len, 8);
    assert_false(imap_reader_is_empty(&reader));
    imap_reader_fini(&reader);
}

static void test_expected_line_is_forgotten_by_fini(void **state)
{
    (void)state;
    struct imap_reader reader;
    imap_reader_init(&reader);
    imap_reader_expect_line(&reader);
    imap_reader_fini(&reader);
    struct span input = SPAN("a NOOP\r\n");
    assert_int_equal(imap_reader_feed(&reader, &input), IMAP_EVENT_COMMAND);
    imap_reader_fini(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_commands),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_malformed_literals),
        cmocka_unit_test(test_quotes_hide_literals),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_new_outlook),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_longest_answer),
        cmocka_unit_test(test_literal_limits),
        cmocka_unit_test(test_number_of_literals),
        cmocka_unit_test(test_longest_command),
        cmocka_unit_test(test_deep_parentheses_cost_nothing),
        cmocka_unit_test(test_text_after_bad_has_the_tag),
        cmocka_unit_test(test_fatal_stays),
        cmocka_unit_test(test_expected_line_is_forgotten_by_fini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
