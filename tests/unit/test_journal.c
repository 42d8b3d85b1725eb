/* Tests of keeper/journal.h: what is one line, what is bounded, what a full disk costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "keeper/journal.h"

enum { NOW_S = 1800000000, AGE_S = 86400, ROWS_MAX = 10000, KEPT_MAX = 100 };

/* A line that was read, kept. */
struct kept {
    char rule[65];
    char user[513];
    char network[65];
    int64_t id;
    int64_t at_s;
    uint32_t count;
};

struct fixture {
    char dir[64];
    char file[80];
    struct store *store;
    struct journal journal;
    struct strbuf reason;
    struct kept rows[KEPT_MAX];
    size_t row_count;
};

static void open_store(struct fixture *fixture)
{
    strbuf_reset(&fixture->reason);
    fixture->store = store_open(fixture->file, &fixture->reason);
    if (fixture->store == NULL)
        fail_msg("%s", strbuf_text(&fixture->reason));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.dir = "/tmp/postern-journal-XXXXXX", .reason = STRBUF(512)};
    assert_non_null(mkdtemp(fixture.dir));
    (void)snprintf(fixture.file, sizeof fixture.file, "%s/state.db", fixture.dir);
    open_store(&fixture);
    assert_int_equal(journal_init(&fixture.journal), 0);
    fixture.journal.age_s = AGE_S;
    fixture.journal.rows_max = ROWS_MAX;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    struct fixture *fixture = *state;
    journal_fini(&fixture->journal);
    store_close(fixture->store);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char file[96];
        (void)snprintf(file, sizeof file, "%s%s", fixture->file, tails[i]);
        (void)unlink(file);
    }
    strbuf_fini(&fixture->reason);
    return rmdir(fixture->dir);
}

static void note(struct fixture *fixture, const char *rule, const char *user, uint32_t address,
                 uint32_t count, int64_t now_s)
{
    struct message_journal_add add = {.rule = span_of(rule),
                                      .listener = SPAN("imaps"),
                                      .user = span_of(user),
                                      .network = {[10] = 0xff, [11] = 0xff, [12] = 10},
                                      .network_bits = 128,
                                      .count = count};
    for (int i = 0; i < 3; i++)
        add.network[13 + i] = (uint8_t)(address >> (16 - 8 * i));
    journal_note(&fixture->journal, &add, now_s);
}

static void flush(struct fixture *fixture, int64_t now_s)
{
    journal_flush(&fixture->journal, fixture->store, now_s);
    assert_int_equal(fixture->journal.count, 0);
}

static void copy_text(char *to, size_t size, struct span from)
{
    (void)snprintf(to, size, "%.*s", (int)from.len, (const char *)from.at);
}

static void keep_row(const struct stored_decision *decision, void *owner)
{
    struct fixture *fixture = owner;
    struct kept *row = &fixture->rows[fixture->row_count++];
    copy_text(row->rule, sizeof row->rule, decision->rule);
    copy_text(row->user, sizeof row->user, decision->user);
    copy_text(row->network, sizeof row->network, decision->network);
    row->id = decision->id;
    row->at_s = decision->at_s;
    row->count = decision->count;
}

static void read_lines(struct fixture *fixture, int64_t at_s, int64_t id, int64_t most)
{
    fixture->row_count = 0;
    strbuf_reset(&fixture->reason);
    struct stored_page page = {.outcome = JOURNAL_WOULD_REFUSE,
                               .at_s = at_s,
                               .id = id,
                               .until_s = INT64_MAX,
                               .most = most};
    if (!store_read_decisions(fixture->store, &page, keep_row, fixture, &fixture->reason))
        fail_msg("%s", strbuf_text(&fixture->reason));
}

static void read_all(struct fixture *fixture)
{
    read_lines(fixture, 0, 0, KEPT_MAX);
}

static int64_t stored_lines(struct fixture *fixture)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    store_close(fixture->store);
    assert_int_equal(sqlite3_open(fixture->file, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "SELECT count(*) FROM journal", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t lines = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    open_store(fixture);
    return lines;
}

static void test_a_group_of_a_minute_is_one_line(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5; i++)
        note(fixture, "sessions_per_user", "alice@example.org", 1, 2, NOW_S + i);
    note(fixture, "sessions_per_user", "alice@example.org", 2, 1, NOW_S);
    note(fixture, "sessions_per_user", "bob@example.org", 1, 1, NOW_S);
    note(fixture, "certificate_needed", "alice@example.org", 1, 1, NOW_S);
    note(fixture, "sessions_per_user", "alice@example.org", 1, 1, NOW_S + 60);
    assert_int_equal(fixture->journal.count, 5);
    flush(fixture, NOW_S + 60);
    assert_int_equal(stored_lines(fixture), 5);
}

static void test_lines_are_read_a_page_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    note(fixture, "certificate_needed", "bob@example.org", 3, 1, NOW_S + 600);
    note(fixture, "sessions_per_user", "alice@example.org", 1, 4, NOW_S);
    note(fixture, "sessions_per_user", "alice@example.org", 2, 5, NOW_S);
    note(fixture, "connections", "", 7, 1, NOW_S + 5);
    flush(fixture, NOW_S + 600);
    read_lines(fixture, NOW_S, 0, 2);
    assert_int_equal(fixture->row_count, 2);
    assert_string_equal(fixture->rows[0].rule, "sessions_per_user");
    assert_string_equal(fixture->rows[0].user, "alice@example.org");
    assert_string_equal(fixture->rows[0].network, "10.0.0.1/32");
    assert_int_equal(fixture->rows[0].count, 4);
    assert_int_equal(fixture->rows[1].count, 5);
    read_lines(fixture, fixture->rows[1].at_s, fixture->rows[1].id, 2);
    assert_int_equal(fixture->row_count, 2);
    assert_string_equal(fixture->rows[0].user, "");
    assert_int_equal(fixture->rows[0].at_s, NOW_S + 5);
    assert_string_equal(fixture->rows[1].user, "bob@example.org");
    read_lines(fixture, fixture->rows[1].at_s, fixture->rows[1].id, 2);
    assert_int_equal(fixture->row_count, 0);
    read_lines(fixture, NOW_S + 6, 0, KEPT_MAX);
    assert_int_equal(fixture->row_count, 1);
}

static void test_a_restart_finds_what_was_written(void **state)
{
    struct fixture *fixture = *state;
    note(fixture, "connections", "", 7, 1, NOW_S);
    flush(fixture, NOW_S);
    store_close(fixture->store);
    open_store(fixture);
    read_all(fixture);
    assert_int_equal(fixture->row_count, 1);
}

static void test_memory_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < JOURNAL_STRANGERS_MAX + 50; i++)
        note(fixture, "connections", "", i, 2, NOW_S);
    assert_int_equal(fixture->journal.count, JOURNAL_STRANGERS_MAX);
    assert_int_equal(fixture->journal.counted[JOURNAL_DROPPED], 100);
    note(fixture, "connections", "", 9, 1, NOW_S); /* one that is there still counts */
    assert_int_equal(fixture->journal.counted[JOURNAL_DROPPED], 100);
    for (uint32_t i = 0; i < JOURNAL_PENDING_MAX; i++)
        note(fixture, "connections", "alice@example.org", i, 1, NOW_S);
    assert_int_equal(fixture->journal.count, JOURNAL_PENDING_MAX);
    assert_int_equal(fixture->journal.counted[JOURNAL_DROPPED], 100 + JOURNAL_STRANGERS_MAX);
    flush(fixture, NOW_S);
    assert_int_equal(fixture->journal.counted[JOURNAL_DROPPED], 0);
    assert_int_equal(stored_lines(fixture), JOURNAL_PENDING_MAX);
    note(fixture, "connections", "", 9, 1, NOW_S); /* and there is room again */
    assert_int_equal(fixture->journal.counted[JOURNAL_DROPPED], 0);
}

static void test_rows_and_age_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    fixture->journal.rows_max = 100;
    for (uint32_t i = 0; i < 250; i++) {
        note(fixture, "connections", "alice@example.org", i, 1, NOW_S + i);
        if (i % 50 == 49)
            flush(fixture, NOW_S + i);
    }
    assert_int_equal(stored_lines(fixture), 100);
    read_all(fixture);
    assert_int_equal(fixture->rows[0].at_s, NOW_S + 150);
    flush(fixture, NOW_S + 200 + AGE_S); /* nothing new, and too early to look for what is too old */
    flush(fixture, NOW_S + 200 + AGE_S + JOURNAL_AGE_EVERY_S);
    assert_int_equal(stored_lines(fixture), 0);
}

static void test_age_alone(void **state)
{
    struct fixture *fixture = *state;
    note(fixture, "connections", "alice@example.org", 1, 1, NOW_S);
    note(fixture, "connections", "alice@example.org", 2, 1, NOW_S + 600);
    flush(fixture, NOW_S + 600);
    flush(fixture, NOW_S + 300 + AGE_S);
    read_all(fixture);
    assert_int_equal(fixture->row_count, 1);
    assert_int_equal(fixture->rows[0].at_s, NOW_S + 600);
}

static void test_strangers_push_no_user_out(void **state)
{
    struct fixture *fixture = *state;
    fixture->journal.rows_max = 60;
    for (uint32_t i = 0; i < 20; i++)
        note(fixture, "certificate_needed", "alice@example.org", i, 1, NOW_S);
    flush(fixture, NOW_S);
    for (uint32_t i = 0; i < 500; i++) {
        note(fixture, "connections", "", i, 1, NOW_S + 60 + i);
        if (i % 100 == 99)
            flush(fixture, NOW_S + 60 + i);
    }
    assert_int_equal(stored_lines(fixture), 50);
    read_all(fixture);
    for (size_t i = 0; i < 20; i++)
        assert_string_equal(fixture->rows[i].user, "alice@example.org");
    assert_int_equal(fixture->rows[20].at_s, NOW_S + 60 + 470);
    for (uint32_t i = 0; i < 60; i++)
        note(fixture, "certificate_needed", "bob@example.org", i, 1, NOW_S + 900);
    flush(fixture, NOW_S + 900);
    read_all(fixture); /* and strangers' lines are the oldest that go for users' */
    assert_int_equal(fixture->row_count, 60);
    assert_string_equal(fixture->rows[0].user, "bob@example.org");
}

static void test_what_a_gate_claims_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct message_journal_add worst = {.outcome = JOURNAL_OUTCOME_COUNT,
                                        .rule = SPAN("connections"),
                                        .listener = SPAN("imaps"),
                                        .network_bits = 128,
                                        .count = 1};
    for (int i = 0; i < 4; i++)
        note(fixture, "connections", "", 1, UINT32_MAX, NOW_S);
    note(fixture, "", "", 1, 1, NOW_S);
    note(fixture, "connections", "", 2, 0, NOW_S);
    journal_note(&fixture->journal, &worst, NOW_S);
    worst.outcome = JOURNAL_REFUSED;
    worst.network_bits = 129;
    journal_note(&fixture->journal, &worst, NOW_S);
    assert_int_equal(fixture->journal.counted[JOURNAL_DROPPED], 3);
    worst.outcome = JOURNAL_WOULD_REFUSE;
    worst.network_bits = 128;
    worst.ago_s = UINT32_MAX;
    journal_note(&fixture->journal, &worst, NOW_S + 5);
    flush(fixture, NOW_S);
    read_all(fixture);
    assert_int_equal(fixture->row_count, 2);
    assert_int_equal(fixture->rows[0].at_s, NOW_S + 5 - JOURNAL_AGO_MAX_S);
    assert_int_equal(fixture->rows[1].count, JOURNAL_COUNT_MAX);
}

static void note_outcome(struct fixture *fixture, enum journal_outcome outcome, uint32_t count,
                         uint32_t ago_s)
{
    struct message_journal_add add = {.outcome = (uint8_t)outcome,
                                      .rule = SPAN("connections"),
                                      .listener = SPAN("imaps"),
                                      .network_bits = 128,
                                      .count = count,
                                      .ago_s = ago_s};
    journal_note(&fixture->journal, &add, NOW_S);
}

static void test_outcomes_are_apart(void **state)
{
    struct fixture *fixture = *state;
    note_outcome(fixture, JOURNAL_WOULD_REFUSE, 3, 0);
    note_outcome(fixture, JOURNAL_REFUSED, 4, 0);
    note_outcome(fixture, JOURNAL_REFUSED, 4, 120);
    flush(fixture, NOW_S);
    assert_int_equal(stored_lines(fixture), 3);
    read_all(fixture);
    assert_int_equal(fixture->row_count, 1);
    assert_int_equal(fixture->rows[0].count, 3);
}

static void assert_sums(struct fixture *fixture, int64_t since_s, int64_t until_s, uint64_t observed,
                        uint64_t enforced)
{
    uint64_t sums[JOURNAL_OUTCOME_COUNT];
    strbuf_reset(&fixture->reason);
    if (!store_sum_counts(fixture->store, since_s, until_s, sums, &fixture->reason))
        fail_msg("%s", strbuf_text(&fixture->reason));
    assert_int_equal(sums[JOURNAL_LOGIN_OBSERVED], observed);
    assert_int_equal(sums[JOURNAL_LOGIN], enforced);
}

static void test_logins_are_counted_and_no_lines(void **state)
{
    struct fixture *fixture = *state;
    note_outcome(fixture, JOURNAL_LOGIN_OBSERVED, 3, 0);
    note_outcome(fixture, JOURNAL_LOGIN, 2, 0);
    flush(fixture, NOW_S);
    note_outcome(fixture, JOURNAL_LOGIN_OBSERVED, 4, 0);
    flush(fixture, NOW_S + 1);
    note_outcome(fixture, JOURNAL_LOGIN_OBSERVED, 5, 0);
    flush(fixture, NOW_S + 3600);
    assert_int_equal(stored_lines(fixture), 0);
    assert_sums(fixture, 0, INT64_MAX, 12, 2);
    assert_sums(fixture, NOW_S, NOW_S + 3000, 7, 2);
    assert_sums(fixture, NOW_S + 3000, INT64_MAX, 5, 0);
    flush(fixture, NOW_S + AGE_S + 1800);
    flush(fixture, NOW_S + AGE_S + 1800 + JOURNAL_AGE_EVERY_S);
    assert_sums(fixture, 0, INT64_MAX, 0, 0);
}

static void limit_files(rlim_t octets)
{
    struct rlimit limit;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = octets;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_full_disk_costs_lines_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    note(fixture, "connections", "", 1, 1, NOW_S);
    flush(fixture, NOW_S);
    limit_files(0);
    note(fixture, "connections", "", 2, 1, NOW_S);
    flush(fixture, NOW_S);
    read_all(fixture);
    assert_int_equal(fixture->row_count, 1);
    limit_files(RLIM_INFINITY);
    note(fixture, "connections", "", 3, 1, NOW_S);
    flush(fixture, NOW_S);
    read_all(fixture);
    assert_int_equal(fixture->row_count, 2);
    assert_string_equal(fixture->rows[1].network, "10.0.0.3/32");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_a_group_of_a_minute_is_one_line),
        ROW(test_lines_are_read_a_page_at_a_time),
        ROW(test_a_restart_finds_what_was_written),
        ROW(test_memory_is_bounded),
        ROW(test_rows_and_age_are_bounded),
        ROW(test_age_alone),
        ROW(test_strangers_push_no_user_out),
        ROW(test_outcomes_are_apart),
        ROW(test_logins_are_counted_and_no_lines),
        ROW(test_what_a_gate_claims_is_bounded),
        ROW(test_a_full_disk_costs_lines_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
