/* Tests of broker/ticket_keys.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <event2/event.h>

#include "broker/ticket_keys.h"

static void on_made(void *owner)
{
    (void)owner;
}

static void test_the_current_becomes_the_former(void **unused)
{
    struct event_base *loop = event_base_new();
    struct ticket_keys keys;
    struct message first;
    struct message second;
    (void)unused;
    assert_int_equal(ticket_keys_init(&keys, loop, on_made, NULL), 0);
    ticket_keys_print(&keys, &first);
    assert_int_equal(first.ticket_keys.secret.len, TICKET_SECRET_SIZE);
    assert_int_equal(first.ticket_keys.former_secret.len, 0);
    struct ticket_key before = keys.current;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ticket_keys_rotate(&keys), 0);
        ticket_keys_print(&keys, &second);
        assert_memory_equal(second.ticket_keys.former_name, before.name, sizeof before.name);
        assert_memory_equal(second.ticket_keys.former_secret.at, before.secret, sizeof before.secret);
        assert_memory_not_equal(second.ticket_keys.name, before.name, sizeof before.name);
        assert_memory_not_equal(second.ticket_keys.secret.at, before.secret, sizeof before.secret);
        before = keys.current;
    }
    ticket_keys_fini(&keys);
    event_base_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_current_becomes_the_former)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
