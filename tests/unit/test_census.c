/* Tests of gate/census.h: what is counted stays, what is quiet longest makes room, handshakes refill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gate/census.h"

static struct ip ip_number(uint8_t number)
{
    return (struct ip){.octets = {[0] = 0x20, [15] = number}};
}

static struct census_place *find(struct census *census, uint8_t number)
{
    struct ip ip = ip_number(number);
    return census_find(census, &ip, 1000);
}

static void test_the_same_address_has_one_place(void **state)
{
    (void)state;
    struct census census;
    assert_int_equal(census_init(&census, 4), 0);
    struct census_place *first = find(&census, 1);
    census_enter(&census, first);
    assert_ptr_equal(find(&census, 1), first);
    assert_ptr_not_equal(find(&census, 2), first);
    census_fini(&census);
}

static void test_the_quietest_place_makes_room_and_counted_ones_never_do(void **state)
{
    (void)state;
    struct census census;
    assert_int_equal(census_init(&census, 3), 0);
    struct census_place *counted = find(&census, 1);
    census_enter(&census, counted);
    struct census_place *older = find(&census, 2);
    struct census_place *newer = find(&census, 3);
    assert_ptr_equal(find(&census, 4), older);
    assert_ptr_equal(find(&census, 5), newer);
    assert_ptr_equal(find(&census, 1), counted);
    census_enter(&census, find(&census, 4));
    census_enter(&census, find(&census, 5));
    assert_null(find(&census, 6));
    census_leave(&census, counted);
    assert_ptr_equal(find(&census, 6), counted);
    assert_int_equal(counted->connections, 0);
    census_fini(&census);
}

static void test_handshakes_refill_and_a_burst_is_a_second_s(void **state)
{
    (void)state;
    struct census census;
    assert_int_equal(census_init(&census, 1), 0);
    struct census_place *place = find(&census, 1);
    uint64_t now_ms = 1000;
    for (int i = 0; i < 5; i++)
        assert_true(census_take_handshake(place, 5, now_ms));
    assert_false(census_take_handshake(place, 5, now_ms));
    assert_false(census_take_handshake(place, 5, now_ms + 199));
    assert_true(census_take_handshake(place, 5, now_ms + 200));
    assert_false(census_take_handshake(place, 5, now_ms + 200));
    now_ms += 3600000;
    for (int i = 0; i < 5; i++)
        assert_true(census_take_handshake(place, 5, now_ms));
    assert_false(census_take_handshake(place, 5, now_ms));
    census_fini(&census);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_address_has_one_place),
        cmocka_unit_test(test_the_quietest_place_makes_room_and_counted_ones_never_do),
        cmocka_unit_test(test_handshakes_refill_and_a_burst_is_a_second_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
