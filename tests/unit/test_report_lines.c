/* Tests of cli/report_lines.h: what adds up to one line of a report, and in which order lines come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cli/report_lines.h"

static void add(struct report_lines *lines, const char *rule, const char *login, const char *network,
                uint32_t count, int64_t at_s)
{
    struct message_journal_row row = {.rule = span_of(rule),
                                      .login = span_of(login),
                                      .network = span_of(network),
                                      .listener = SPAN("imaps"),
                                      .count = count,
                                      .at_s = at_s};
    assert_true(report_lines_add(lines, &row));
}

static void fill(struct report_lines *lines)
{
    assert_true(report_lines_init(lines));
    add(lines, "certificate_needed", "alice@example.org", "192.0.2.0/24", 1, 100);
    add(lines, "certificate_needed", "bob@example.org", "192.0.2.0/24", 5, 110);
    add(lines, "sessions_per_user", "alice@example.org", "198.51.100.0/24", 9, 120);
    add(lines, "certificate_needed", "", "203.0.113.0/24", 7, 130);
    add(lines, "certificate_needed", "alice@example.org", "2001:db8::/64", 2, 140);
}

static void assert_line(const struct report_lines *lines, size_t index, const char *rule,
                        const char *login, uint64_t count, uint64_t others)
{
    const struct report_line *line = lines->at[index];
    assert_true(span_equal(line->rule, span_of(rule)));
    assert_true(span_equal(line->login, span_of(login)));
    assert_int_equal(line->count, count);
    assert_int_equal(line->others, others);
}

static void test_by_both(void **state)
{
    (void)state;
    struct report_lines lines;
    struct report_lines folded;
    fill(&lines);
    assert_true(report_lines_fold(&lines, REPORT_BY_BOTH, &folded));
    assert_int_equal(folded.count, 4);
    assert_line(&folded, 0, "sessions_per_user", "alice@example.org", 9, 1);
    assert_line(&folded, 1, "certificate_needed", "", 7, 1);
    assert_line(&folded, 2, "certificate_needed", "bob@example.org", 5, 1);
    assert_line(&folded, 3, "certificate_needed", "alice@example.org", 3, 1);
    assert_int_equal(folded.at[3]->first_s, 100);
    assert_int_equal(folded.at[3]->last_s, 140);
    assert_string_equal(folded.at[3]->network, "2001:db8::/64");
    report_lines_fini(&folded);
    report_lines_fini(&lines);
}

static void test_by_rule(void **state)
{
    (void)state;
    struct report_lines lines;
    struct report_lines folded;
    fill(&lines);
    assert_true(report_lines_fold(&lines, REPORT_BY_RULE, &folded));
    assert_int_equal(folded.count, 2);
    assert_line(&folded, 0, "certificate_needed", "", 15, 2);
    assert_line(&folded, 1, "sessions_per_user", "", 9, 1);
    assert_int_equal(folded.at[0]->first_s, 100);
    assert_int_equal(folded.at[0]->last_s, 140);
    assert_string_equal(folded.at[0]->network, "2001:db8::/64");
    report_lines_fini(&folded);
    report_lines_fini(&lines);
}

static void test_by_user(void **state)
{
    (void)state;
    struct report_lines lines;
    struct report_lines folded;
    fill(&lines);
    assert_true(report_lines_fold(&lines, REPORT_BY_USER, &folded));
    assert_int_equal(folded.count, 3);
    assert_line(&folded, 0, "", "alice@example.org", 12, 2);
    assert_line(&folded, 1, "", "", 7, 1);
    assert_line(&folded, 2, "", "bob@example.org", 5, 1);
    report_lines_fini(&folded);
    report_lines_fini(&lines);
}

static void test_nothing(void **state)
{
    (void)state;
    struct report_lines lines;
    struct report_lines folded;
    assert_true(report_lines_init(&lines));
    assert_true(report_lines_fold(&lines, REPORT_BY_RULE, &folded));
    assert_int_equal(folded.count, 0);
    report_lines_fini(&folded);
    report_lines_fini(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_both),
        cmocka_unit_test(test_by_rule),
        cmocka_unit_test(test_by_user),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
