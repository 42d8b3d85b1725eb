/* Tests of base/utf8.h against every code point and the ways to get one wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/utf8.h"

static size_t encode(uint32_t point, uint8_t at[4])
{
    if (point < 0x80) {
        at[0] = (uint8_t)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--, point >>= 6)
        at[i] = (uint8_t)(0x80 | (point & 0x3f));
    at[0] = (uint8_t)(heads[length] | point);
    return length;
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x110000; point++) {
        uint8_t at[4];
        size_t length = encode(point, at);
        bool is_surrogate = point >= 0xd800 && point < 0xe000;
        bool is_control = point < 0x20 || (point >= 0x7f && point < 0xa0);
        assert_int_equal(utf8_length(span_make(at, length)), is_surrogate ? 0 : length);
        assert_int_equal(utf8_is_clean(span_make(at, length)), !is_surrogate && !is_control);
        for (size_t cut = 0; cut < length; cut++)
            assert_int_equal(utf8_length(span_make(at, cut)), 0);
    }
}

static void test_other_octets_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",         "\xbf",         "\xc0\x80",         "\xc1\xbf",
                                      "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80", "\xff",     "\xc3\x28",         "\xe2\x82\x28",
                                      "\xf0\x9f\x98\x28"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(utf8_length(span_of(bad[i])), 0);
        assert_false(utf8_is_clean(span_of(bad[i])));
    }
    assert_true(utf8_is_clean(SPAN("")));
    assert_true(utf8_is_clean(SPAN("t\xc3\xa9l\xc3\xa9phone \xf0\x9f\x93\xb1")));
    assert_false(utf8_is_clean(SPAN("a\xc2\x85")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_other_octets_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
