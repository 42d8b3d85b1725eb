/* Tests of protocol/imap_command.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/imap_command.h"
#include "protocol/imap_reader.h"

#define assert_span(span, text) assert_true(span_equal(span, SPAN(text)))

static void test_split(void **state)
{
    (void)state;
    struct imap_command command;
    assert_true(imap_command_split(SPAN("a1 LOGIN x y"), &command));
    assert_span(command.tag, "a1");
    assert_span(command.name, "LOGIN");
    assert_span(command.arguments, "x y");

    assert_true(imap_command_split(SPAN("a]. noop"), &command));
    assert_span(command.tag, "a].");
    assert_span(command.name, "noop");
    assert_null(command.arguments.at);

    assert_true(imap_command_split(SPAN("a NOOP "), &command));
    assert_null(command.arguments.at);
    assert_true(imap_command_split(SPAN("a NOOP  x"), &command));
    assert_span(command.arguments, " x");
}

static void test_split_names_the_tag_of_what_it_refuses(void **state)
{
    (void)state;
    static const char *const tagged[] = {"tag", "tag ", "tag  NOOP", "tag {5}\r\nhello",
                                         "tag \"NOOP\"", "tag NO(OP", "tag NO\tOP"};
    static const char *const untagged[] = {
        "", " ", " NOOP", "+ NOOP", "a+b NOOP", "* NOOP", "a\"b NOOP", "{1}\r\nx NOOP", "a\tb NOOP",
        "a(b NOOP", "\xc3\xa9 NOOP", "a%b NOOP", "a\\b NOOP",
        "a2345678901234567890123456789012345678901234567890123456789012345 NOOP"};
    struct imap_command command;
    for (size_t i = 0; i < sizeof tagged / sizeof tagged[0]; i++) {
        assert_false(imap_command_split(span_of(tagged[i]), &command));
        assert_span(command.tag, "tag");
    }
    for (size_t i = 0; i < sizeof untagged / sizeof untagged[0]; i++) {
        assert_false(imap_command_split(span_of(untagged[i]), &command));
        assert_null(command.tag.at);
    }
}

static void test_astrings(void **state)
{
    (void)state;
    auto_strbuf_wipe struct strbuf scratch = STRBUF(100);
    struct span rest = SPAN("al]ice \"\" \"a b{5}\" \"q\\\"\\\\\" {3}\r\nx y {4+}\r\n\r\n\"{ {0+}\r\n");
    static const char *const values[] = {"al]ice", "", "a b{5}", "q\"\\", "x y", "\r\n\"{", ""};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct span value;
        assert_non_null(rest.at);
        assert_true(imap_take_astring(&rest, &scratch, &value));
        assert_non_null(value.at);
        assert_true(span_equal(value, span_of(values[i])));
    }
    assert_null(rest.at);
}

static void test_what_is_no_astring(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", " ", " x", "x ", "\"x", "\"x\"y", "\"x\"\"y\"", "\"\\n\"", "\"x\\\"", "\"x\ny\"",
        "x\"y\"", "x{1}\r\ny", "{1}\r\nxy", "{1}\nx", "{1}x", "{1} x", "{1}", "{2}\r\nx", "{1++}\r\nx",
        "{+1}\r\nx", "{1-}\r\nx", "{ 1}\r\nx", "{}\r\n", "{00000000001}\r\nx", "{4294967295}\r\nx",
        "{18446744073709551617}\r\nx", "~{1}\r\nx", "(x)", "a*b", "a%b", "a\\b", "\xc3\xa9", "x\r\n",
        "{1}\r\nx ", "\"x\" "};
    auto_strbuf struct strbuf scratch = STRBUF(100);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct span rest = span_of(wrong[i]);
        struct span value = SPAN("untouched");
        assert_false(imap_take_astring(&rest, &scratch, &value));
        assert_ptr_equal(rest.at, wrong[i]);
        assert_span(value, "untouched");
    }
    struct span none = SPAN_NONE;
    struct span value;
    assert_false(imap_take_astring(&none, &scratch, &value));
}

/* The first value must not move when the second needs more room. */
static void test_values_share_a_scratch(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(5000);
    strbuf_append(&text, "\"\\\"user\" \"\\\\");
    for (int i = 0; i < 3000; i++)
        strbuf_append(&text, "p");
    strbuf_append(&text, "\"");
    auto_strbuf struct strbuf scratch = STRBUF(IMAP_COMMAND_MAX);
    struct span rest = strbuf_span(&text);
    struct span user;
    struct span password;
    assert_true(imap_take_astring(&rest, &scratch, &user));
    assert_true(imap_take_astring(&rest, &scratch, &password));
    assert_span(user, "\"user");
    assert_int_equal(password.len, 3001);

    auto_strbuf struct strbuf small = STRBUF(100);
    rest = strbuf_span(&text);
    assert_true(imap_take_astring(&rest, &small, &user));
    assert_false(imap_take_astring(&rest, &small, &password));
    assert_span(user, "\"user");
}

static void test_atoms(void **state)
{
    (void)state;
    struct span rest = SPAN("PLAIN AGEAYg==");
    struct span value;
    assert_true(imap_take_atom(&rest, &value));
    assert_span(value, "PLAIN");
    assert_true(imap_take_atom(&rest, &value));
    assert_span(value, "AGEAYg==");
    assert_null(rest.at);
    static const char *const wrong[] = {"", "\"PLAIN\"", "{5}\r\nPLAIN", "PLAIN ", "a]b",
                                        "a\tb"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rest = span_of(wrong[i]);
        assert_false(imap_take_atom(&rest, &value));
    }
}

static void test_id(void **state)
{
    (void)state;
    auto_strbuf struct strbuf scratch = STRBUF(4096);
    struct imap_id_pair pairs[IMAP_ID_PAIRS_MAX];
    size_t count = 99;
    assert_true(imap_parse_id(SPAN("nil"), &scratch, pairs, &count));
    assert_int_equal(count, 0);
    assert_true(imap_parse_id(SPAN("()"), &scratch, pairs, &count));
    assert_int_equal(count, 0);
    assert_true(imap_parse_id(SPAN("({4+}\r\nname {3}\r\na)b \"v\\\"\" NIL \"c\" \"\")"), &scratch,
                              pairs, &count));
    assert_int_equal(count, 3);
    assert_span(pairs[0].key, "name");
    assert_span(pairs[0].value, "a)b");
    assert_span(pairs[1].key, "v\"");
    assert_null(pairs[1].value.at);
    assert_span(pairs[2].value, "");
    assert_non_null(pairs[2].value.at);
}

static void test_what_is_no_id(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "NILS", "NIL ", "(", ")", "(())", "((((((((", "(\"a\")", "(\"a\" \"b\"", "(\"a\" \"b\") ",
        "( \"a\" \"b\")", "(\"a\" \"b\" )", "(\"a\"  \"b\")", "(\"a\" \"b\"\"c\" \"d\")",
        "(\"a\" (\"b\"))", "(NIL \"b\")", "(a \"b\")", "(\"a\" b)", "(\"a\" \"b\" \"A\" \"c\")",
        "(\"a\" NILx)", "(\"a\" {2}\r\nb)", "(\"1234567890123456789012345678901\" \"x\")"};
    auto_strbuf struct strbuf scratch = STRBUF(4096);
    struct imap_id_pair pairs[IMAP_ID_PAIRS_MAX];
    size_t count = 99;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(imap_parse_id(span_of(wrong[i]), &scratch, pairs, &count));
    assert_false(imap_parse_id(SPAN_NONE, &scratch, pairs, &count));
    assert_int_equal(count, 99);
}

/* An ID of count pairs, the first value of value_len octets. */
static bool parse_made_id(size_t count, size_t value_len)
{
    auto_strbuf struct strbuf text = STRBUF(IMAP_COMMAND_MAX);
    strbuf_format(&text, "(\"k\" \"%0*d\"", (int)value_len, 0);
    for (size_t i = 1; i < count; i++)
        strbuf_format(&text, " \"k%zu\" NIL", i);
    strbuf_append(&text, ")");
    auto_strbuf struct strbuf scratch = STRBUF(4096);
    struct imap_id_pair pairs[IMAP_ID_PAIRS_MAX];
    size_t ret_count;
    return imap_parse_id(strbuf_span(&text), &scratch, pairs, &ret_count) && ret_count == count;
}

static void test_id_limits(void **state)
{
    (void)state;
    assert_true(parse_made_id(IMAP_ID_PAIRS_MAX, 1));
    assert_false(parse_made_id(IMAP_ID_PAIRS_MAX + 1, 1));
    assert_true(parse_made_id(1, IMAP_ID_VALUE_MAX));
    assert_false(parse_made_id(1, IMAP_ID_VALUE_MAX + 1));
}

static void test_append_string(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1000);
    imap_append_string(&buf, SPAN(""));
    imap_append_string(&buf, SPAN("a \"b\\ {5}"));
    imap_append_string(&buf, SPAN("x\r\ny"));
    imap_append_string(&buf, SPAN("\xc3\xa9"));
    assert_string_equal(strbuf_text(&buf),
                        "\"\"\"a \\\"b\\\\ {5}\"{4+}\r\nx\r\ny{2+}\r\n\xc3\xa9");
    assert_false(strbuf_failed(&buf));
    imap_append_string(&buf, SPAN("a\0b"));
    assert_true(strbuf_failed(&buf));
}

/* What the reader calls a command is a command, and what is written anew is read as the same. */
static void test_every_octet_comes_back(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        auto_strbuf struct strbuf wire = STRBUF(1000);
        uint8_t value[3] = {(uint8_t)c, (uint8_t)c, '\\'};
        strbuf_append(&wire, "a LOGIN ");
        imap_append_string(&wire, span_make(value, sizeof value));
        strbuf_append(&wire, " ");
        imap_append_string(&wire, span_make(value, 1));
        strbuf_append(&wire, "\r\n");

        struct imap_reader reader;
        imap_reader_init(&reader);
        struct span input = strbuf_span(&wire);
        assert_int_equal(imap_reader_feed(&reader, &input), IMAP_EVENT_COMMAND);
        struct imap_command command;
        assert_true(imap_command_split(imap_reader_text(&reader), &command));
        auto_strbuf struct strbuf scratch = STRBUF(100);
        struct span first;
        struct span second;
        assert_true(imap_take_astring(&command.arguments, &scratch, &first));
        assert_true(imap_take_astring(&command.arguments, &scratch, &second));
        assert_true(span_equal(first, span_make(value, sizeof value)));
        assert_true(span_equal(second, span_make(value, 1)));
        assert_null(command.arguments.at);
        imap_reader_fini(&reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_names_the_tag_of_what_it_refuses),
        cmocka_unit_test(test_astrings),
        cmocka_unit_test(test_what_is_no_astring),
        cmocka_unit_test(test_values_share_a_scratch),
        cmocka_unit_test(test_atoms),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_what_is_no_id),
        cmocka_unit_test(test_id_limits),
        cmocka_unit_test(test_append_string),
        cmocka_unit_test(test_every_octet_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
