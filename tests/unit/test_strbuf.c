/* Tests of base/strbuf.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/strbuf.h"

static void test_content_is_terminated_and_counted(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(100);
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_append(&buf, "a");
    strbuf_append_u64(&buf, UINT64_MAX);
    strbuf_append_u64(&buf, 0);
    strbuf_format(&buf, "-%d-", 7);
    strbuf_append_hex(&buf, SPAN("\xff\x01"));
    assert_string_equal(strbuf_text(&buf), "a184467440737095516150-7-ff01");
    assert_int_equal(buf.len, 29);
    assert_false(strbuf_failed(&buf));
}

static void test_cap_is_sticky_and_exact(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(4);
    strbuf_append(&buf, "1234");
    assert_false(strbuf_failed(&buf));
    strbuf_append(&buf, "5");
    assert_true(strbuf_failed(&buf));
    assert_string_equal(strbuf_text(&buf), "1234");
    strbuf_consume(&buf, 2);
    strbuf_append(&buf, "x");
    assert_string_equal(strbuf_text(&buf), "34");
    strbuf_reset(&buf);
    strbuf_append(&buf, "x");
    assert_string_equal(strbuf_text(&buf), "x");
}

static void test_consume_beyond_the_end_empties(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(10);
    strbuf_append(&buf, "abc");
    strbuf_consume(&buf, 99);
    assert_int_equal(buf.len, 0);
    assert_string_equal(strbuf_text(&buf), "");
}

static void test_reserved_content_does_not_move(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1000);
    assert_true(strbuf_reserve(&buf, 900));
    const char *before = buf.at;
    for (int i = 0; i < 900; i++)
        strbuf_append_byte(&buf, 'x');
    assert_ptr_equal(buf.at, before);
    assert_false(strbuf_reserve(&buf, 101));
    assert_true(strbuf_failed(&buf));
}

static void test_truncate_keeps_the_front(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(10);
    strbuf_truncate(&buf, 0);
    strbuf_append(&buf, "abc");
    strbuf_truncate(&buf, 9);
    assert_string_equal(strbuf_text(&buf), "abc");
    strbuf_truncate(&buf, 1);
    assert_string_equal(strbuf_text(&buf), "a");
    assert_int_equal(buf.len, 1);
}

static void test_span_cut_and_numbers(void **state)
{
    (void)state;
    struct span rest = SPAN("a,b,,");
    assert_true(span_equal(span_cut(&rest, ','), SPAN("a")));
    assert_true(span_equal(span_cut(&rest, ','), SPAN("b")));
    assert_int_equal(span_cut(&rest, ',').len, 0);
    assert_non_null(rest.at);
    assert_int_equal(span_cut(&rest, ',').len, 0);
    assert_null(rest.at);

    uint64_t value = 5;
    assert_true(span_to_u64(SPAN("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(span_to_u64(SPAN("18446744073709551616"), UINT64_MAX, &value));
    assert_false(span_to_u64(SPAN("65536"), 65535, &value));
    assert_false(span_to_u64(SPAN(""), 9, &value));
    assert_false(span_to_u64(SPAN("1x"), 99, &value));
    assert_false(span_to_u64(SPAN("-1"), 99, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_is_terminated_and_counted),
        cmocka_unit_test(test_cap_is_sticky_and_exact),
        cmocka_unit_test(test_consume_beyond_the_end_empties),
        cmocka_unit_test(test_reserved_content_does_not_move),
        cmocka_unit_test(test_truncate_keeps_the_front),
        cmocka_unit_test(test_span_cut_and_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
