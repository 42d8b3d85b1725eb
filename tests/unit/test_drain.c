/* Tests of gate/drain.h: how sessions are spread over the time that is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "gate/drain.h"

enum { TICK_MS = 250 };

/* Ends what the share says at each tick; returns how many were left at the end, and the largest share. */
static uint32_t run(uint32_t count, uint64_t within_ms, uint32_t *ret_largest)
{
    *ret_largest = 0;
    for (uint64_t at = 0; at <= within_ms; at += TICK_MS) {
        uint32_t share = drain_share(count, within_ms - at);
        assert_true(share <= count);
        count -= share;
        *ret_largest = share > *ret_largest ? share : *ret_largest;
    }
    return count;
}

static void test_none_is_left_and_none_goes_early(void **state)
{
    (void)state;
    uint32_t largest;
    for (uint32_t count = 0; count < 3000; count += 7)
        for (uint64_t within_ms = TICK_MS; within_ms <= 64000; within_ms *= 2) {
            uint32_t ticks = (uint32_t)(within_ms / TICK_MS) + 1;
            assert_int_equal(run(count, within_ms, &largest), 0);
            assert_true(largest <= count / ticks + 1);
        }
    assert_int_equal(drain_share(100, 0), 100);
    assert_int_equal(drain_share(0, 0), 0);
    assert_int_equal(drain_share(UINT32_MAX, 0), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_is_left_and_none_goes_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
