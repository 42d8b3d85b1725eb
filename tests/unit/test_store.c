/* Tests of keeper/store.h: which files open, and which are refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>

#include "base/cleanup.h"
#include "keeper/store.h"
#include "keeper/store_tables.h"

struct fixture {
    char dir[64];
    char file[80];
    struct strbuf reason;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.dir = "/tmp/postern-store-XXXXXX", .reason = STRBUF(512)};
    assert_non_null(mkdtemp(fixture.dir));
    (void)snprintf(fixture.file, sizeof fixture.file, "%s/state.db", fixture.dir);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char file[96];
        (void)snprintf(file, sizeof file, "%s%s", fixture->file, tails[i]);
        (void)unlink(file);
    }
    strbuf_fini(&fixture->reason);
    return rmdir(fixture->dir);
}

static void alter(struct fixture *fixture, const char *sql)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(fixture->file, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void open_well(struct fixture *fixture)
{
    struct store *store = store_open(fixture->file, &fixture->reason);
    if (store == NULL)
        fail_msg("%s", strbuf_text(&fixture->reason));
    store_close(store);
}

static void expect_refusal(struct fixture *fixture, const char *part)
{
    strbuf_reset(&fixture->reason);
    assert_null(store_open(fixture->file, &fixture->reason));
    if (strstr(strbuf_text(&fixture->reason), part) == NULL)
        fail_msg("\"%s\" does not speak of \"%s\"", strbuf_text(&fixture->reason), part);
    assert_non_null(strstr(strbuf_text(&fixture->reason), fixture->file));
}

static void test_a_new_file_is_made_and_opens_again(void **state)
{
    open_well(*state);
    open_well(*state);
}

static void test_a_newer_release_is_refused(void **state)
{
    struct fixture *fixture = *state;
    open_well(fixture);
    alter(fixture, "PRAGMA user_version = 99");
    expect_refusal(fixture, "newer Postern (tables of version 99, this one knows ");
}

static bool take_device(const struct stored_device *device, void *owner)
{
    struct stored_device *taken = owner;
    assert_true(span_equal(device->login, SPAN("alice")));
    *taken = *device;
    return true;
}

/* Every step there ever was, from the tables of the first release on. */
static void test_a_file_of_each_older_release_is_brought_up(void **state)
{
    struct fixture *fixture = *state;
    for (int version = 1; version < STORE_VERSION; version++) {
        for (int step = 0; step < version; step++)
            alter(fixture, store_migrations[step]);
        alter(fixture, "INSERT INTO device (login, name, fingerprint, serial, issuer, added_s, not_after_s)"
                       " VALUES ('alice', 'phone', zeroblob(32), 'ab', 'CN=x', 1, 2)");
        for (int opened = 0; opened < 2; opened++) {
            struct stored_device taken = {.not_after_s = 0};
            struct store *store = store_open(fixture->file, &fixture->reason);
            assert_non_null(store);
            assert_true(store_read_devices(store, take_device, &taken, &fixture->reason));
            assert_int_equal(taken.not_after_s, 2);
            assert_int_equal(taken.warned_days, 0);
            store_close(store);
        }
        assert_int_equal(unlink(fixture->file), 0);
    }
}

static void test_a_step_that_fails_is_not_half_done(void **state)
{
    struct fixture *fixture = *state;
    alter(fixture, store_migrations[0]);
    alter(fixture, "ALTER TABLE device ADD COLUMN warned_days TEXT");
    expect_refusal(fixture, "duplicate column name");
    alter(fixture, "ALTER TABLE device DROP COLUMN warned_days");
    open_well(fixture);
}

static void test_a_file_of_something_else_is_refused(void **state)
{
    struct fixture *fixture = *state;
    alter(fixture, "CREATE TABLE message (text TEXT)");
    expect_refusal(fixture, "not one of Postern's");
}

static void test_a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    auto_close int fd = open(fixture->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 500; i++)
        assert_int_equal(write(fd, "hostname = mail.example.org\n", 28), 28);
    expect_refusal(fixture, "not a database");
}

static void test_a_damaged_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    open_well(fixture);
    alter(fixture, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                   " INSERT INTO device (login, name, fingerprint, serial, issuer, added_s,"
                   " not_after_s) SELECT 'alice', 'n' || i, randomblob(32), 'ab', 'CN=x', 1, 2"
                   " FROM n; PRAGMA wal_checkpoint(TRUNCATE)");
    open_well(fixture);
    auto_close int fd = open(fixture->file, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "garbage garbage garbage garbage", 31, 3 * 4096), 31);
    expect_refusal(fixture, "damaged");
}

static void test_a_locked_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = store_open(fixture->file, &fixture->reason);
    assert_non_null(store);
    expect_refusal(fixture, "locked");
    store_close(store);
    open_well(fixture);
}

static void test_a_missing_directory_is_named(void **state)
{
    struct fixture *fixture = *state;
    assert_null(store_open("/nonexistent/postern/state.db", &fixture->reason));
    assert_non_null(strstr(strbuf_text(&fixture->reason), "unable to open database file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_new_file_is_made_and_opens_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_newer_release_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_of_each_older_release_is_brought_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_step_that_fails_is_not_half_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_of_something_else_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_no_database_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_locked_file_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_missing_directory_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
