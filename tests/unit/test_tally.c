/* Tests of gate/tally.h: what is one group, what is logged and told of it, what is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "gate/tally.h"

enum { START_MS = 1000000, LOG_SIZE = 1 << 20 };

static const char rule[] = "connections";
static const char other_rule[] = "certificate_needed";

struct fixture {
    struct tally tally;
    bool is_keeper_away;
    uint32_t told[JOURNAL_OUTCOME_COUNT]; /* sums */
    size_t messages;
    struct message_journal_add last;
    char log[LOG_SIZE];
};

static bool take(void *owner, const struct message_journal_add *add)
{
    struct fixture *fixture = owner;
    if (fixture->is_keeper_away)
        return false;
    fixture->told[add->outcome] += add->count;
    fixture->messages++;
    fixture->last = *add;
    return true;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    assert_int_equal(tally_init(&fixture.tally, take, &fixture), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tally_fini(&fixture->tally);
    return 0;
}

static struct tally_note note_of(const char *user, uint32_t network)
{
    struct tally_note note = {.record = TALLY_WOULD_REFUSE,
                              .reason = rule,
                              .rule = rule,
                              .listener = "imaps",
                              .user = user,
                              .network = {.ip = {{[10] = 0xff, [11] = 0xff, [12] = 10}}, .bits = 120}};
    note.network.ip.octets[13] = (uint8_t)(network >> 8);
    note.network.ip.octets[14] = (uint8_t)network;
    return note;
}

static bool add(struct fixture *fixture, const char *user, uint32_t network, uint64_t after_ms)
{
    struct tally_note note = note_of(user, network);
    return tally_add(&fixture->tally, &note, START_MS + after_ms);
}

/* What a sweep logs. */
static const char *sweep(struct fixture *fixture, uint64_t after_ms, bool is_last)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_open("test", 0, LOG_FORMAT_TEXT);
    tally_sweep(&fixture->tally, START_MS + after_ms, is_last);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t got = fread(fixture->log, 1, sizeof fixture->log - 1, file);
    fclose(file);
    fixture->log[got] = '\0';
    return fixture->log;
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

static void test_the_first_is_the_callers_and_the_rest_one_record(void **state)
{
    struct fixture *fixture = *state;
    assert_true(add(fixture, NULL, 1, 0));
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE], 1);
    for (int i = 0; i < 5000; i++)
        assert_false(add(fixture, NULL, 1, 10));
    assert_int_equal(fixture->messages, 1);
    assert_string_equal(sweep(fixture, TALLY_MINUTE_MS - 1, false), "");
    const char *log = sweep(fixture, TALLY_MINUTE_MS, false);
    assert_int_equal(lines_of(log), 1);
    assert_non_null(strstr(log, " would_refuse "));
    assert_non_null(strstr(log, "network=10.0.1.0/24 "));
    assert_non_null(strstr(log, " count=5000 "));
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE], 5001);
    assert_int_equal(fixture->messages, 2);
    assert_int_equal(fixture->last.ago_s, (TALLY_MINUTE_MS - 10) / 1000);
    assert_true(add(fixture, NULL, 1, TALLY_MINUTE_MS)); /* and the next begins another minute */
}

static void test_one_that_was_alone_needs_no_second_record(void **state)
{
    struct fixture *fixture = *state;
    assert_true(add(fixture, NULL, 1, 0));
    assert_string_equal(sweep(fixture, TALLY_MINUTE_MS, false), "");
    assert_int_equal(fixture->messages, 1);
}

static void test_what_differs_is_another_group(void **state)
{
    struct fixture *fixture = *state;
    struct tally_note note = note_of(NULL, 1);
    assert_true(tally_add(&fixture->tally, &note, START_MS));
    note.reason = other_rule;
    assert_true(tally_add(&fixture->tally, &note, START_MS));
    note = note_of("alice@example.org", 1);
    assert_true(tally_add(&fixture->tally, &note, START_MS));
    note.listener = "imap";
    assert_true(tally_add(&fixture->tally, &note, START_MS));
    note.network.bits = 119;
    assert_true(tally_add(&fixture->tally, &note, START_MS));
    note.record = TALLY_NO_RECORD;
    assert_true(tally_add(&fixture->tally, &note, START_MS));
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE], 5);
    assert_int_equal(fixture->told[JOURNAL_REFUSED], 1);
    assert_false(tally_add(&fixture->tally, &note, START_MS));
}

static void test_a_minute_that_was_not_swept_is_said_before_the_next(void **state)
{
    struct fixture *fixture = *state;
    assert_true(add(fixture, NULL, 1, 0));
    assert_false(add(fixture, NULL, 1, 1));
    assert_true(add(fixture, NULL, 1, TALLY_MINUTE_MS + 1));
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE], 3);
}

static void test_for_the_log_alone(void **state)
{
    struct fixture *fixture = *state;
    struct tally_note note = note_of(NULL, 1);
    note.record = TALLY_CONNECTION_ENDED;
    note.reason = "handshake failed";
    note.rule = NULL;
    assert_true(tally_add(&fixture->tally, &note, START_MS));
    assert_false(tally_add(&fixture->tally, &note, START_MS));
    const char *log = sweep(fixture, TALLY_MINUTE_MS, false);
    assert_non_null(strstr(log, " connection_ended "));
    assert_non_null(strstr(log, "reason=\"handshake failed\""));
    assert_int_equal(fixture->messages, 0);
}

static void test_strangers_leave_room_for_users(void **state)
{
    struct fixture *fixture = *state;
    size_t first = 0;
    for (uint32_t i = 0; i < 5000; i++)
        first += add(fixture, NULL, i, 0);
    assert_int_equal(first, TALLY_STRANGERS_MAX);
    assert_int_equal(fixture->messages, TALLY_STRANGERS_MAX);
    assert_true(add(fixture, "alice@example.org", 1, 0));
    assert_false(add(fixture, NULL, 1, 0)); /* one that is there still counts */
    const char *log = sweep(fixture, 1, false);
    assert_int_equal(lines_of(log), 1);
    assert_non_null(strstr(log, " journal_dropped "));
    assert_non_null(strstr(log, "count=4488 "));
    assert_int_equal(fixture->told[JOURNAL_DROPPED], 5000 - TALLY_STRANGERS_MAX);
    log = sweep(fixture, TALLY_MINUTE_MS, false);
    assert_int_equal(lines_of(log), 1); /* of the one that came twice */
    assert_true(add(fixture, NULL, 4999, TALLY_MINUTE_MS));
}

static void test_users_are_bounded_too(void **state)
{
    struct fixture *fixture = *state;
    size_t first = 0;
    for (uint32_t i = 0; i < 2 * TALLY_GROUPS_MAX; i++)
        first += add(fixture, "alice@example.org", i, 0);
    assert_int_equal(first, TALLY_GROUPS_MAX);
    assert_false(add(fixture, NULL, 1, 0));
    (void)sweep(fixture, TALLY_MINUTE_MS, false);
    assert_int_equal(fixture->told[JOURNAL_DROPPED], TALLY_GROUPS_MAX + 1);
}

static void test_a_keeper_that_is_away_hears_it_later(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_keeper_away = true;
    assert_true(add(fixture, "alice@example.org", 1, 0));
    assert_false(add(fixture, "alice@example.org", 1, 500));
    tally_add_login(&fixture->tally, true);
    assert_string_equal(sweep(fixture, TALLY_MINUTE_MS, false), "");
    assert_true(add(fixture, "alice@example.org", 1, TALLY_MINUTE_MS + 1)); /* logged all the same */
    assert_int_equal(fixture->messages, 0);
    fixture->is_keeper_away = false;
    assert_string_equal(sweep(fixture, 3 * TALLY_MINUTE_MS, false), "");
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE], 3);
    assert_int_equal(fixture->told[JOURNAL_LOGIN_OBSERVED], 1);
}

static void test_what_waits_for_the_keeper_takes_no_room_from_the_log(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_keeper_away = true;
    for (uint32_t minute = 0; minute < 4; minute++) {
        size_t first = 0;
        for (uint32_t i = 0; i < 600; i++)
            first += add(fixture, NULL, minute * 600 + i, minute * TALLY_MINUTE_MS);
        assert_int_equal(first, TALLY_STRANGERS_MAX);
        (void)sweep(fixture, minute * TALLY_MINUTE_MS, false);
    }
    fixture->is_keeper_away = false;
    (void)sweep(fixture, 5 * TALLY_MINUTE_MS, false);
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE], TALLY_STRANGERS_MAX);
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE] + fixture->told[JOURNAL_DROPPED], 4 * 600);
}

static void test_the_end_says_it_all(void **state)
{
    struct fixture *fixture = *state;
    assert_true(add(fixture, NULL, 1, 0));
    assert_false(add(fixture, NULL, 1, 1));
    tally_add_login(&fixture->tally, false);
    assert_int_equal(lines_of(sweep(fixture, 2, true)), 1);
    assert_int_equal(fixture->told[JOURNAL_WOULD_REFUSE], 2);
    assert_int_equal(fixture->told[JOURNAL_LOGIN], 1);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_the_first_is_the_callers_and_the_rest_one_record),
        ROW(test_one_that_was_alone_needs_no_second_record),
        ROW(test_what_differs_is_another_group),
        ROW(test_a_minute_that_was_not_swept_is_said_before_the_next),
        ROW(test_for_the_log_alone),
        ROW(test_strangers_leave_room_for_users),
        ROW(test_users_are_bounded_too),
        ROW(test_a_keeper_that_is_away_hears_it_later),
        ROW(test_what_waits_for_the_keeper_takes_no_room_from_the_log),
        ROW(test_the_end_says_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
