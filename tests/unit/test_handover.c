/* Tests of supervisor/handover.h: what one supervisor writes the next one reads, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "supervisor/handover.h"

static bool parse(struct handover *handover, const char *text)
{
    auto_strbuf struct strbuf problem = STRBUF(256);
    *handover = (struct handover){.text = STRBUF(HANDOVER_OCTETS_MAX)};
    strbuf_append(&handover->text, text);
    bool is_good = handover_parse(handover, &problem);
    assert_int_equal(is_good, problem.len == 0);
    return is_good;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(HANDOVER_OCTETS_MAX);
    struct handover handover;
    const struct handover_role keeper = {
        .name = SPAN("keeper"), .number = HANDOVER_NUMBER_NONE, .pid = 70, .fd = 12};
    const struct handover_role gate = {
        .name = SPAN("gate"), .number = 3, .pid = 71, .fd = 13, .world = 2, .until_ms = UINT64_MAX};
    handover_print_begin(&text, 17);
    handover_print_log(&text, 5, 6, 7);
    handover_print_control(&text, 8);
    handover_print_socket(&text, 9, 1);
    handover_print_socket(&text, 10, INHERITED_SHARED);
    handover_print_role(&text, &keeper);
    handover_print_role(&text, &gate);
    /* A later release reads what this one wrote: these lines never change. */
    assert_string_equal(strbuf_text(&text), "postern-handover 1\ngeneration 17\nlog 5 6 7\ncontrol 8\n"
                                            "socket 9 1\nsocket 10 shared\nrole keeper - 70 12 0 0\n"
                                            "role gate 3 71 13 2 18446744073709551615\n");
    assert_true(parse(&handover, strbuf_text(&text)));
    assert_int_equal(handover.generation, 17);
    assert_int_equal(handover.log_input, 5);
    assert_int_equal(handover.log_output, 6);
    assert_int_equal(handover.log_error, 7);
    assert_int_equal(handover.control, 8);
    assert_int_equal(handover.socket_count, 2);
    assert_int_equal(handover.sockets[0].fd, 9);
    assert_int_equal(handover.sockets[0].place, 1);
    assert_int_equal(handover.sockets[1].place, INHERITED_SHARED);
    assert_int_equal(handover.role_count, 2);
    assert_true(span_equal(handover.roles[0].name, SPAN("keeper")));
    assert_int_equal(handover.roles[0].number, HANDOVER_NUMBER_NONE);
    assert_int_equal(handover.roles[1].number, 3);
    assert_int_equal(handover.roles[1].pid, 71);
    assert_int_equal(handover.roles[1].fd, 13);
    assert_int_equal(handover.roles[1].world, 2);
    assert_true(handover.roles[1].until_ms == UINT64_MAX);
    handover_fini(&handover);
}

#define HEAD "postern-handover 1\ngeneration 1\nlog 1 2 3\ncontrol 4\n"

static void test_what_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "postern-handover 2\ngeneration 1\nlog 1 2 3\ncontrol 4\n",
        "postern-handover 1\n",
        "postern-handover 1\ngeneration 1\nlog 1 2 3\n",
        "postern-handover 1\ngeneration 1\ncontrol 4\n",
        "postern-handover 1\nlog 1 2 3\ncontrol 4\n",
        HEAD "ticket 5\n",
        HEAD "socket\n",
        HEAD "socket 5\n",
        HEAD "socket 5 x\n",
        HEAD "socket 5 1 2\n",
        HEAD "socket -5 1\n",
        HEAD "socket 99999999999 1\n",
        HEAD "role gate 1 70\n",
        HEAD "role gate 1 70 5 0\n",
        HEAD "role gate 1 70 5 0 0 0\n",
        HEAD "\n",
    };
    struct handover handover;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(parse(&handover, bad[i]));
        handover_fini(&handover);
    }
    assert_true(parse(&handover, HEAD));
    handover_fini(&handover);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_what_is_not_understood_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
