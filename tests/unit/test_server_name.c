/* Tests of protocol/server_name.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/server_name.h"

static void test_a_name(void **unused)
{
    struct span name = SPAN_NONE;
    (void)unused;
    assert_true(server_name_read(SPAN("\0\7\0\0\4mail"), &name));
    assert_true(span_equal(name, SPAN("mail")));
}

static void test_everything_else(void **unused)
{
    const struct span bad[] = {
        {NULL, 0},
        SPAN("\0"),
        SPAN("\0\0"),                             /* no name */
        SPAN("\0\3\0\0\0"),                       /* an empty one */
        SPAN("\0\7\1\0\4mail"),                   /* of another type */
        SPAN("\0\7\0\0\5mail"),                   /* that is longer than the list */
        SPAN("\0\7\0\0\3mail"),                   /* and shorter */
        SPAN("\0\10\0\0\4mail"),                  /* a list longer than the extension */
        SPAN("\0\6\0\0\4mail"),                   /* and shorter */
        SPAN("\0\10\0\0\1a\0\0\1b"),              /* two names */
        SPAN("\0\7\0\0\4mail\0"),
    };
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct span name = SPAN("untouched");
        assert_false(server_name_read(bad[i], &name));
        assert_true(span_equal(name, SPAN("untouched")));
    }
}

static void test_the_longest(void **unused)
{
    uint8_t octets[5 + 256] = {0};
    (void)unused;
    for (size_t len = 255; len <= 256; len++) {
        struct span name = SPAN_NONE;
        octets[0] = (uint8_t)((len + 3) >> 8);
        octets[1] = (uint8_t)(len + 3);
        octets[3] = (uint8_t)(len >> 8);
        octets[4] = (uint8_t)len;
        assert_int_equal(server_name_read(span_make(octets, 5 + len), &name), len == 255);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name),
        cmocka_unit_test(test_everything_else),
        cmocka_unit_test(test_the_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
