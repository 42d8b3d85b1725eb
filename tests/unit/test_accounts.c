/* Tests of keeper/accounts.h and keeper/standing.h: who was seen, who counts as enrolled, what a restart
 * finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keeper/accounts.h"
#include "keeper/standing.h"

#define ALICE SPAN("alice@example.org")
#define BOB   SPAN("bob@example.org")

enum { DAY_S = 86400, NOW_S = 1000 * DAY_S };

struct fixture {
    char dir[64];
    char file[80];
    struct devices devices;
    struct accounts accounts;
    struct strbuf reason;
};

static void open_all(struct fixture *fixture, int64_t now_s)
{
    strbuf_reset(&fixture->reason);
    if (!devices_open(&fixture->devices, fixture->file, &fixture->reason) ||
        !accounts_open(&fixture->accounts, fixture->devices.store, now_s, &fixture->reason))
        fail_msg("%s", strbuf_text(&fixture->reason));
}

static void close_all(struct fixture *fixture)
{
    accounts_close(&fixture->accounts);
    devices_close(&fixture->devices);
}

static void reopen(struct fixture *fixture, int64_t now_s)
{
    if (!accounts_flush(&fixture->accounts, &fixture->reason))
        fail_msg("%s", strbuf_text(&fixture->reason));
    close_all(fixture);
    open_all(fixture, now_s);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.dir = "/tmp/postern-accounts-XXXXXX", .reason = STRBUF(512)};
    assert_non_null(mkdtemp(fixture.dir));
    (void)snprintf(fixture.file, sizeof fixture.file, "%s/state.db", fixture.dir);
    open_all(&fixture, NOW_S);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    struct fixture *fixture = *state;
    close_all(fixture);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char file[96];
        (void)snprintf(file, sizeof file, "%s%s", fixture->file, tails[i]);
        (void)unlink(file);
    }
    strbuf_fini(&fixture->reason);
    return rmdir(fixture->dir);
}

static bool note(struct fixture *fixture, struct span login, int64_t until_s, int64_t now_s)
{
    struct account *account = accounts_ensure(&fixture->accounts, login);
    assert_non_null(account);
    return accounts_note(&fixture->accounts, account, until_s, now_s);
}

static bool is_enrolled(struct fixture *fixture, struct span login, bool is_local_enough, int64_t now_s)
{
    return accounts_have_certificate(&fixture->accounts, login, is_local_enough, now_s);
}

static void test_a_certificate_counts_until_it_ends(void **state)
{
    struct fixture *fixture = *state;
    assert_false(is_enrolled(fixture, ALICE, false, NOW_S));
    assert_false(note(fixture, ALICE, 0, NOW_S));
    assert_false(is_enrolled(fixture, ALICE, false, 0));
    assert_true(note(fixture, ALICE, NOW_S + 100, NOW_S));
    assert_false(note(fixture, ALICE, NOW_S + 200, NOW_S)); /* not new */
    assert_false(note(fixture, ALICE, NOW_S + 50, NOW_S));  /* a second one that ends sooner */
    assert_false(note(fixture, ALICE, 0, NOW_S));
    for (int restarts = 0; restarts < 2; restarts++, reopen(fixture, NOW_S)) {
        assert_true(is_enrolled(fixture, ALICE, false, NOW_S + 200));
        assert_false(is_enrolled(fixture, ALICE, false, NOW_S + 201));
        assert_false(is_enrolled(fixture, BOB, false, NOW_S));
        assert_false(is_enrolled(fixture, SPAN("alice@other.example"), false, NOW_S));
        assert_true(is_enrolled(fixture, SPAN("alice@other.example"), true, NOW_S));
        assert_true(is_enrolled(fixture, SPAN("alice"), true, NOW_S));
        assert_false(is_enrolled(fixture, SPAN("alic"), true, NOW_S));
    }
    assert_true(note(fixture, ALICE, NOW_S + 900, NOW_S + 300)); /* anew, after a gap */
}

static void test_what_is_forgotten_stays_forgotten(void **state)
{
    struct fixture *fixture = *state;
    (void)note(fixture, ALICE, NOW_S + 100, NOW_S);
    struct account *account = accounts_find(&fixture->accounts, ALICE);
    assert_int_equal(accounts_forget(&fixture->accounts, account, &fixture->reason), DEVICE_DONE);
    assert_false(is_enrolled(fixture, ALICE, false, NOW_S));
    assert_int_equal(accounts_forget(&fixture->accounts, account, &fixture->reason), DEVICE_REFUSED);
    reopen(fixture, NOW_S);
    assert_false(is_enrolled(fixture, ALICE, false, NOW_S));
    assert_int_equal(accounts_find(&fixture->accounts, ALICE)->last_login_s, NOW_S);
}

/* Of an ordinary login at most one write a minute. */
static void test_last_logins_are_written_now_and_then(void **state)
{
    struct fixture *fixture = *state;
    (void)note(fixture, ALICE, 0, NOW_S);
    reopen(fixture, NOW_S);
    (void)note(fixture, ALICE, 0, NOW_S + ACCOUNT_TOUCH_EVERY_S - 1);
    assert_true(LIST_EMPTY(&fixture->accounts.unwritten));
    (void)note(fixture, ALICE, 0, NOW_S + ACCOUNT_TOUCH_EVERY_S);
    assert_false(LIST_EMPTY(&fixture->accounts.unwritten));
    reopen(fixture, NOW_S);
    assert_int_equal(accounts_find(&fixture->accounts, ALICE)->last_login_s,
                     NOW_S + ACCOUNT_TOUCH_EVERY_S);
}

static void test_who_was_not_seen_for_long_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    const int64_t later_s = NOW_S + (ACCOUNT_KEEP_DAYS + 1) * (int64_t)DAY_S;
    (void)note(fixture, ALICE, 0, NOW_S);
    (void)note(fixture, BOB, later_s + DAY_S, NOW_S); /* his card is valid still */
    (void)note(fixture, SPAN("carol@example.org"), 0, NOW_S + 2 * DAY_S);
    reopen(fixture, later_s);
    assert_null(accounts_find(&fixture->accounts, ALICE));
    assert_true(is_enrolled(fixture, BOB, false, later_s));
    assert_non_null(accounts_find(&fixture->accounts, SPAN("carol@example.org")));
}

static void test_what_is_no_login_is_not_remembered(void **state)
{
    struct fixture *fixture = *state;
    char octets[DEVICE_LOGIN_MAX + 1];
    memset(octets, 'a', sizeof octets);
    assert_null(accounts_ensure(&fixture->accounts, SPAN_NONE));
    assert_null(accounts_ensure(&fixture->accounts, span_make(octets, sizeof octets)));
    assert_non_null(accounts_ensure(&fixture->accounts, span_make(octets, sizeof octets - 1)));
}

/* --- Standing ------------------------------------------------------------------------------------- */

static void add_device(struct fixture *fixture, uint8_t mark, int64_t not_after_s)
{
    const uint8_t fingerprint[STORE_FINGERPRINT_SIZE] = {mark};
    char name[8];
    (void)snprintf(name, sizeof name, "d%u", (unsigned)mark);
    const struct device_facts facts = {.login = ALICE,
                                       .name = span_of(name),
                                       .fingerprint = fingerprint,
                                       .serial = SPAN("ab"),
                                       .not_after_s = not_after_s};
    assert_int_equal(devices_add(&fixture->devices, &facts, NOW_S, &fixture->reason), DEVICE_DONE);
}

static void revoke_device(struct fixture *fixture, uint8_t mark)
{
    const uint8_t fingerprint[STORE_FINGERPRINT_SIZE] = {mark};
    struct device *device = devices_find(&fixture->devices, fingerprint);
    assert_int_equal(devices_revoke(&fixture->devices, device, NOW_S, &fixture->reason), DEVICE_DONE);
}

static void expect_standing(struct fixture *fixture, enum account_standing standing, int64_t until_s)
{
    int64_t until = -1;
    struct account *account = accounts_ensure(&fixture->accounts, ALICE);
    assert_int_equal(standing_of(&fixture->devices, account, NOW_S, &until), standing);
    assert_int_equal(until, until_s);
}

static void test_standing(void **state)
{
    struct fixture *fixture = *state;
    expect_standing(fixture, ACCOUNT_WITHOUT, 0);
    add_device(fixture, 1, NOW_S + 10);
    expect_standing(fixture, ACCOUNT_ENROLLED, NOW_S + 10);
    add_device(fixture, 2, NOW_S + 20);
    expect_standing(fixture, ACCOUNT_ENROLLED, NOW_S + 20);
    revoke_device(fixture, 2);
    expect_standing(fixture, ACCOUNT_ENROLLED, NOW_S + 10);
    (void)note(fixture, ALICE, NOW_S + 99, NOW_S);
    expect_standing(fixture, ACCOUNT_ENROLLED, NOW_S + 10);
    revoke_device(fixture, 1);
    expect_standing(fixture, ACCOUNT_FOREIGN, NOW_S + 99);
    accounts_find(&fixture->accounts, ALICE)->certificate_until_s = NOW_S - 1;
    expect_standing(fixture, ACCOUNT_EXPIRED, NOW_S - 1);
    accounts_find(&fixture->accounts, ALICE)->certificate_until_s = 0;
    expect_standing(fixture, ACCOUNT_REVOKED, 0);
    add_device(fixture, 3, NOW_S + 1);
    expect_standing(fixture, ACCOUNT_ENROLLED, NOW_S + 1);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_a_certificate_counts_until_it_ends),
        ROW(test_what_is_forgotten_stays_forgotten),
        ROW(test_last_logins_are_written_now_and_then),
        ROW(test_who_was_not_seen_for_long_is_forgotten),
        ROW(test_what_is_no_login_is_not_remembered),
        ROW(test_standing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
