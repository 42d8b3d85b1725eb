/*
 * The real keeper with everything around it played: what it promises to supervisor, gates and people,
 * and what is left of that when it is killed, its disk is full, or its peers talk rubbish.
 */
#include "keeper_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define ALICE "alice@example.org"
#define BOB   "bob@example.org"

static int set_up(void **state)
{
    static struct keeper_rig rig;
    rig_open(&rig);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_close(*state);
    return 0;
}

static int set_up_running(void **state)
{
    (void)set_up(state);
    rig_start(*state);
    rig_join(*state, 0);
    rig_join(*state, 1);
    return 0;
}

/* The answer must be failed, with a sentence that speaks of part. */
static void expect_failed(const struct message *answer, const char *part)
{
    assert_int_equal(answer->type, MESSAGE_failed);
    if (memmem(answer->failed.text.at, answer->failed.text.len, part, strlen(part)) == NULL)
        fail_msg("\"%.*s\" does not speak of \"%s\"", (int)answer->failed.text.len,
                 (const char *)answer->failed.text.at, part);
}

/* --- Configuration ----------------------------------------------------------------------------------- */

static void expect_refused(struct keeper_rig *rig, const char *part)
{
    struct message answer = rig_supervisor_receive(rig);
    assert_int_equal(answer.type, MESSAGE_configure_refused);
    struct span reason = answer.configure_refused.reason;
    if (memmem(reason.at, reason.len, part, strlen(part)) == NULL)
        fail_msg("\"%.*s\" does not speak of \"%s\"", (int)reason.len, (const char *)reason.at, part);
}

static void test_a_configuration_is_whole_or_refused(void **state)
{
    struct keeper_rig *rig = *state;
    rig_spawn(rig);
    rig->sessions_per_user = 0;
    rig_configure(rig, "state.db");
    expect_refused(rig, "no limits of sessions");
    rig->sessions_per_user = 50;
    rig->operators = "12\nx\n";
    rig_configure(rig, "state.db");
    expect_refused(rig, "operators");
    rig->operators = "";
    rig_configure(rig, "no-such-directory/state.db");
    expect_refused(rig, "unable to open database file");
    rig_configure(rig, "../outside.db");
    expect_refused(rig, "unable to open database file");
    struct stat status;
    char outside[96];
    (void)snprintf(outside, sizeof outside, "%s/outside.db", rig->dir);
    assert_int_equal(stat(outside, &status), -1);
}

static void test_a_reload_changes_limits_and_not_the_database(void **state)
{
    struct keeper_rig *rig = *state;
    rig_add(rig, ALICE, "phone", 1);
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    rig_configure(rig, "other.db");
    expect_refused(rig, "takes a restart");
    rig->sessions_per_user = 1;
    rig_configure(rig, "state.db");
    assert_int_equal(rig_supervisor_receive(rig).type, MESSAGE_configured);
    assert_int_equal(rig_ask(rig, (struct rig_session){1, 1, ALICE, "192.0.2.2", 1}),
                     LOGIN_TOO_MANY_SESSIONS);
    rig_add(rig, ALICE, "laptop", 2); /* the new control socket works */
}

/* A password of who owns a certificate is refused at each gate, until the last certificate is revoked. */
static void test_who_is_enrolled_comes_with_the_certificate(void **state)
{
    struct keeper_rig *rig = *state;
    const struct rig_session by_password = {0, 1, ALICE, "192.0.2.1", 0};
    const struct rig_session elsewhere = {1, 2, ALICE, "192.0.2.2", 0};
    rig_add(rig, ALICE, "phone", 1);
    rig_add(rig, ALICE, "laptop", 2);
    assert_int_equal(rig_ask(rig, by_password), LOGIN_ALLOWED); /* the listener does not mind */
    rig->enrolment = ENROLMENT_OF_LOGIN;
    assert_int_equal(rig_ask(rig, by_password), LOGIN_ENROLLED);
    assert_int_equal(rig_ask(rig, elsewhere), LOGIN_ENROLLED);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 3, "bob@example.org", "192.0.2.1", 0}),
                     LOGIN_ALLOWED);
    assert_int_equal(rig_ask(rig, (struct rig_session){1, 4, ALICE, "192.0.2.1", 1}), LOGIN_ALLOWED);
    assert_int_equal(rig_revoke(rig, ALICE, "phone"), 1);
    assert_int_equal(rig_expect_close(rig, 1, "revoked"), 4);
    assert_int_equal(rig_ask(rig, by_password), LOGIN_ENROLLED);
    assert_int_equal(rig_revoke(rig, ALICE, "laptop"), 0);
    assert_int_equal(rig_ask(rig, by_password), LOGIN_ALLOWED);
    assert_int_equal(rig_ask(rig, elsewhere), LOGIN_ALLOWED);
}

static enum login_answer_code ask_by_password(struct keeper_rig *rig, const char *login)
{
    return rig_ask(rig, (struct rig_session){1, 77, login, "192.0.2.9", 0});
}

/* A smart card: nobody registered it here. */
static void test_another_authority_s_certificate_enrols_until_it_ends(void **state)
{
    struct keeper_rig *rig = *state;
    const struct rig_session by_card = {0, 1, ALICE, "192.0.2.1", 9};
    rig->enrolment = ENROLMENT_OF_LOGIN;
    rig->certificate_end_s = clock_wall_s() + 1000;
    assert_int_equal(rig_ask(rig, by_card), LOGIN_ALLOWED);
    assert_int_equal(ask_by_password(rig, ALICE), LOGIN_ALLOWED); /* the backend has not let it in yet */
    rig_log_in(rig, by_card);
    assert_int_equal(ask_by_password(rig, ALICE), LOGIN_ENROLLED);
    assert_int_equal(ask_by_password(rig, "bob@example.org"), LOGIN_ALLOWED);
    assert_int_equal(rig_log_count(rig, "account_enrolled"), 1);
    rig_log_in(rig, (struct rig_session){0, 2, "bob@example.org", "192.0.2.1", 0});
    assert_int_equal(ask_by_password(rig, "bob@example.org"), LOGIN_ALLOWED);
    assert_int_equal(rig_stop(rig), 0);
    rig_start(rig);
    rig_join(rig, 1);
    assert_int_equal(ask_by_password(rig, ALICE), LOGIN_ENROLLED);
}

static struct message forget_message(const char *login)
{
    return (struct message){.type = MESSAGE_account_forget, .account_forget = {span_of(login)}};
}

static void test_a_certificate_that_is_forgotten_counts_no_more(void **state)
{
    struct keeper_rig *rig = *state;
    struct message forget = forget_message(ALICE);
    rig->enrolment = ENROLMENT_OF_LOGIN;
    rig->certificate_end_s = clock_wall_s() + 1000;
    struct message answer = rig_command(rig, &forget);
    expect_failed(&answer, "never seen");
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 9});
    assert_int_equal(ask_by_password(rig, ALICE), LOGIN_ENROLLED);
    answer = rig_command(rig, &forget);
    assert_int_equal(answer.type, MESSAGE_done);
    assert_int_equal(ask_by_password(rig, ALICE), LOGIN_ALLOWED);
    answer = rig_command(rig, &forget);
    expect_failed(&answer, "no certificate of another authority");
    rig_kill(rig);
    rig_start(rig);
    rig_join(rig, 1);
    assert_int_equal(ask_by_password(rig, ALICE), LOGIN_ALLOWED);
}

/* One record for each certificate and threshold, whatever becomes of the keeper. */
static void test_an_end_that_is_near_is_told_once(void **state)
{
    struct keeper_rig *rig = *state;
    rig_start(rig);
    struct message add = rig_add_message(ALICE, "phone", 1, clock_wall_s() + 20 * 86400);
    assert_int_equal(rig_command(rig, &add).type, MESSAGE_done);
    add = rig_add_message(BOB, "laptop", 2, clock_wall_s() + 20 * 86400);
    assert_int_equal(rig_command(rig, &add).type, MESSAGE_done);
    (void)rig_revoke(rig, BOB, "laptop");
    for (int starts = 0; starts < 3; starts++) {
        rig_kill(rig);
        rig_start(rig);
    }
    assert_int_equal(rig_log_count(rig, "certificate_expires login=" ALICE " device=phone"), 1);
    assert_int_equal(rig_log_count(rig, "certificate_expires"), 1);
}

static void test_a_newer_database_is_refused_with_the_reason(void **state)
{
    struct keeper_rig *rig = *state;
    rig_start(rig);
    assert_int_equal(rig_stop(rig), 0);
    char file[96];
    sqlite3 *database = NULL;
    (void)snprintf(file, sizeof file, "%s/state.db", rig->state);
    assert_int_equal(sqlite3_open(file, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    rig_spawn(rig);
    rig_configure(rig, "state.db");
    expect_refused(rig, "newer Postern");
}

static void test_before_a_configuration_logins_are_unavailable(void **state)
{
    struct keeper_rig *rig = *state;
    rig_spawn(rig);
    rig_join(rig, 0);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1}),
                     LOGIN_STATE_UNAVAILABLE);
    /* A certificate proves that there is such a user; what is typed may be a password. */
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 2, "correct-horse", "192.0.2.1", 0}),
                     LOGIN_STATE_UNAVAILABLE);
    assert_true(rig_log_has(rig, "session=0000000000000001 login=" ALICE));
    assert_true(rig_log_has(rig, "session=0000000000000002 address=192.0.2.1"));
    assert_false(rig_log_has(rig, "correct-horse"));
}

static void test_it_ends_when_told_and_when_alone(void **state)
{
    struct keeper_rig *rig = *state;
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    assert_int_equal(rig_stop(rig), 0);
    rig_start(rig);
    (void)close(rig->supervisor);
    rig->supervisor = -1;
    int status = -1;
    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    rig->pid = 0;
    assert_int_equal(status, 0);
}

/* --- Sessions ---------------------------------------------------------------------------------------- */

static void test_revoking_closes_what_lives_before_it_is_done(void **state)
{
    struct keeper_rig *rig = *state;
    rig_add(rig, ALICE, "phone", 1);
    rig_add(rig, ALICE, "laptop", 2);
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    rig_log_in(rig, (struct rig_session){0, 2, ALICE, "192.0.2.1", 2});
    rig_log_in(rig, (struct rig_session){1, 3, ALICE, "192.0.2.2", 1});
    assert_int_equal(rig_ask(rig, (struct rig_session){1, 4, ALICE, "192.0.2.2", 1}), LOGIN_ALLOWED);
    assert_int_equal(rig_revoke(rig, ALICE, "phone"), 3);
    /* The answer came after the orders, so they are here already. */
    assert_false(rig_gate_is_quiet(rig, 0));
    assert_false(rig_gate_is_quiet(rig, 1));
    assert_true(rig_expect_close(rig, 0, "revoked") == 1);
    uint64_t first = rig_expect_close(rig, 1, "revoked");
    uint64_t second = rig_expect_close(rig, 1, "revoked");
    assert_int_equal(first + second, 3 + 4);
    assert_true(rig_gate_is_quiet(rig, 0));
    assert_true(rig_gate_is_quiet(rig, 1));
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 9, ALICE, "192.0.2.1", 1}),
                     LOGIN_DEVICE_REVOKED);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 9, ALICE, "192.0.2.1", 2}), LOGIN_ALLOWED);
    struct message again = rig_revoke_message(ALICE, "phone");
    struct message answer = rig_command(rig, &again);
    expect_failed(&answer, "revoked already");
    again = rig_revoke_message(BOB, "phone");
    answer = rig_command(rig, &again);
    expect_failed(&answer, BOB " has no device named phone");
    assert_true(rig_log_has(rig, "device_revoked peer_uid="));
    assert_true(rig_log_has(rig, "login_denied session=0000000000000009 login=" ALICE
                                 " address=192.0.2.1 listener=imaps reason=device_revoked device=phone"));
}

static void test_a_new_keeper_closes_what_the_old_one_revoked(void **state)
{
    struct keeper_rig *rig = *state;
    rig_add(rig, ALICE, "phone", 1);
    (void)rig_revoke(rig, ALICE, "phone");
    rig_kill(rig);
    rig_start(rig);
    rig_join(rig, 0);
    rig_announce(rig, (struct rig_session){0, 77, ALICE, "192.0.2.1", 1});
    rig_announce(rig, (struct rig_session){0, 78, ALICE, "192.0.2.1", 2});
    assert_true(rig_expect_close(rig, 0, "revoked") == 77);
    /* Announced before the database is open: found by the review when it is. */
    rig_kill(rig);
    rig_spawn(rig);
    rig_join(rig, 0);
    rig_announce(rig, (struct rig_session){0, 79, ALICE, "192.0.2.1", 1});
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 1, BOB, "192.0.2.1", 0}),
                     LOGIN_STATE_UNAVAILABLE);
    rig_configure(rig, "state.db");
    assert_int_equal(rig_supervisor_receive(rig).type, MESSAGE_configured);
    assert_true(rig_expect_close(rig, 0, "revoked") == 79);
}

static void test_sessions_end_with_their_certificate(void **state)
{
    struct keeper_rig *rig = *state;
    struct message add = rig_add_message(ALICE, "old", 5, 1000000);
    assert_int_equal(rig_command(rig, &add).type, MESSAGE_done);
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 5});
    rig_log_in(rig, (struct rig_session){0, 2, ALICE, "192.0.2.1", 0});
    rig_configure(rig, "state.db"); /* a review comes with it, as each 15 seconds */
    assert_int_equal(rig_supervisor_receive(rig).type, MESSAGE_configured);
    assert_true(rig_expect_close(rig, 0, "expired") == 1);
    assert_true(rig_gate_is_quiet(rig, 0));
    assert_true(rig_log_has(rig, "session_expired"));
}

static void test_caps_hold_over_gates_and_end_with_them(void **state)
{
    struct keeper_rig *rig = *state;
    rig->sessions_per_user = 3;
    rig->sessions_per_user_and_address = 2;
    rig_configure(rig, "state.db");
    assert_int_equal(rig_supervisor_receive(rig).type, MESSAGE_configured);
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    rig_log_in(rig, (struct rig_session){1, 1, ALICE, "192.0.2.1", 1});
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 2, ALICE, "192.0.2.1", 1}),
                     LOGIN_TOO_MANY_FROM_ADDRESS);
    rig_log_in(rig, (struct rig_session){0, 3, ALICE, "192.0.2.3", 1});
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 4, ALICE, "192.0.2.4", 1}),
                     LOGIN_TOO_MANY_SESSIONS);
    /* By password it shows when the session starts. */
    rig->sessions_per_user = 4;
    rig_configure(rig, "state.db");
    assert_int_equal(rig_supervisor_receive(rig).type, MESSAGE_configured);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 5, ALICE, "192.0.2.5", 0}), LOGIN_ALLOWED);
    rig_log_in(rig, (struct rig_session){0, 6, ALICE, "192.0.2.6", 0});
    struct message started = {.type = MESSAGE_session_started, .session_started = {5}};
    rig_gate_send(rig, 0, &started);
    assert_true(rig_expect_close(rig, 0, "limit") == 5);
    /* A gate that dies takes its sessions along. */
    rig_join(rig, 0);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1}), LOGIN_ALLOWED);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 2, ALICE, "192.0.2.2", 1}), LOGIN_ALLOWED);
    struct message ended = {.type = MESSAGE_session_ended, .session_ended = {1}};
    rig_gate_send(rig, 0, &ended);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 3, ALICE, "192.0.2.1", 1}), LOGIN_ALLOWED);
    struct message failed = {.type = MESSAGE_login_failed, .login_failed = {3}};
    rig_gate_send(rig, 0, &failed);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 4, ALICE, "192.0.2.1", 1}), LOGIN_ALLOWED);
}

static uint64_t kick(struct keeper_rig *rig, const char *login, uint64_t session)
{
    struct message kick = {.type = MESSAGE_session_kick,
                           .session_kick = {.login = span_of(login), .session = session}};
    struct message answer = rig_command(rig, &kick);
    return answer.type == MESSAGE_done ? answer.done.count : 0;
}

static void test_kicking_by_user_and_by_number(void **state)
{
    struct keeper_rig *rig = *state;
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    rig_log_in(rig, (struct rig_session){1, 2, ALICE, "192.0.2.1", 0});
    rig_log_in(rig, (struct rig_session){1, 3, BOB, "192.0.2.1", 0});
    assert_int_equal(kick(rig, BOB, 0), 1);
    assert_true(rig_expect_close(rig, 1, "kicked") == 3);
    assert_int_equal(kick(rig, "", 1), 1);
    assert_true(rig_expect_close(rig, 0, "kicked") == 1);
    assert_int_equal(kick(rig, ALICE, 0), 2);
    assert_true(rig_expect_close(rig, 1, "kicked") == 2);
    assert_int_equal(kick(rig, "", 99), 0);
    assert_int_equal(kick(rig, "carol@example.org", 0), 0);
    assert_true(rig_log_has(rig, "session_kicked peer_uid="));
    assert_true(rig_gate_is_quiet(rig, 0)); /* told once */
}

/* --- Lists ------------------------------------------------------------------------------------------- */

static void test_lists_name_what_is_known(void **state)
{
    struct keeper_rig *rig = *state;
    rig_add(rig, BOB, "phone", 3);
    rig_add(rig, ALICE, "phone", 1);
    rig_add(rig, ALICE, "laptop", 2);
    rig_log_in(rig, (struct rig_session){0, 7, ALICE, "2001:db8::1", 1});
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 8, BOB, "192.0.2.1", 3}), LOGIN_ALLOWED);
    auto_close int fd = rig_connect(rig);
    struct message list = {.type = MESSAGE_device_list};
    assert_int_equal(channel_send_blocking(fd, &list), 0);
    static const char *const order[][2] = {{ALICE, "laptop"}, {ALICE, "phone"}, {BOB, "phone"}};
    for (size_t i = 0; i < 3; i++) {
        struct message row = rig_command_receive(rig, fd);
        assert_int_equal(row.type, MESSAGE_device_row);
        assert_true(span_equal(row.device_row.login, span_of(order[i][0])));
        assert_true(span_equal(row.device_row.name, span_of(order[i][1])));
        assert_int_equal(row.device_row.last_used_s != 0, i == 1);
        if (i == 1)
            assert_true(span_equal(row.device_row.last_address, SPAN("2001:db8::1")));
    }
    struct message done = rig_command_receive(rig, fd);
    assert_int_equal(done.type, MESSAGE_done);
    assert_int_equal(done.done.count, 3);
    list = (struct message){.type = MESSAGE_session_list};
    assert_int_equal(channel_send_blocking(fd, &list), 0);
    struct message row = rig_command_receive(rig, fd);
    assert_int_equal(row.type, MESSAGE_session_row);
    assert_true(row.session_row.session == 7);
    assert_true(span_equal(row.session_row.device, SPAN("phone")));
    assert_int_equal(rig_command_receive(rig, fd).type, MESSAGE_done);
    list.session_list.login = SPAN(BOB);
    assert_int_equal(channel_send_blocking(fd, &list), 0);
    done = rig_command_receive(rig, fd);
    assert_int_equal(done.type, MESSAGE_done);
    assert_int_equal(done.done.count, 0);
}

static void test_a_list_longer_than_any_queue(void **state)
{
    struct keeper_rig *rig = *state;
    enum { MANY = 20000 };
    char file[96];
    sqlite3 *database = NULL;
    rig_start(rig);
    assert_int_equal(rig_stop(rig), 0);
    (void)snprintf(file, sizeof file, "%s/state.db", rig->state);
    assert_int_equal(sqlite3_open(file, &database), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(database,
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
                     " INSERT INTO device (login, name, fingerprint, serial, issuer, added_s,"
                     " not_after_s) SELECT 'user' || i || '@example.org',"
                     " 'name-' || hex(zeroblob(50)), randomblob(32), 'ab', 'CN=x', 1, 2 FROM n",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    rig_start(rig);
    rig_join(rig, 0);
    auto_close int fd = rig_connect(rig);
    struct message list = {.type = MESSAGE_device_list};
    assert_int_equal(channel_send_blocking(fd, &list), 0);
    /* While this client does not read, others are served. */
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    rig_add(rig, ALICE, "phone", 1);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rig_command_receive(rig, fd).type, MESSAGE_device_row);
    struct message done = rig_command_receive(rig, fd);
    assert_int_equal(done.type, MESSAGE_done);
    assert_int_equal(done.done.count, MANY);
}

/* --- The control socket ------------------------------------------------------------------------------ */

static void test_releases_greet_each_other(void **state)
{
    struct keeper_rig *rig = *state;
    struct message hello = {.type = MESSAGE_hello, .hello = {.release = SPAN(POSTERN_VERSION)}};
    struct message answer = rig_command(rig, &hello);
    assert_int_equal(answer.type, MESSAGE_welcome);
    assert_true(span_equal(answer.welcome.default_domain, SPAN("example.org")));
    assert_true(span_equal(answer.welcome.netbios_domains, SPAN("CORP=example.org")));
    hello.hello.release = SPAN("99.0");
    answer = rig_command(rig, &hello);
    expect_failed(&answer, "restart Postern");
}

/* Connects as another user and sends a command; exits 0 when the answer is failed and the end follows. */
_Noreturn static void be_a_stranger(struct keeper_rig *rig, uid_t uid)
{
    if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
        _exit(2);
    int fd = rig_connect(rig);
    struct message list = {.type = MESSAGE_device_list};
    struct message answer;
    int sent = channel_send_blocking(fd, &list);
    if (sent != 0 && sent != -EPIPE && sent != -ECONNRESET)
        _exit(3);
    int result = -ECONNRESET;
    for (int i = 0; i < 2 && result == -ECONNRESET; i++) /* closed with our command unread: read on */
        result = channel_receive_blocking(fd, ROLE_COMMAND, ROLE_KEEPER, RIG_WAIT_MS, rig->packet,
                                          &answer);
    _exit(result == 0 ? answer.type == MESSAGE_failed ? 10 : 11 : 4);
}

static int answer_to(struct keeper_rig *rig, uid_t uid)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        be_a_stranger(rig, uid);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_strangers_are_told_so_and_operators_served(void **state)
{
    struct keeper_rig *rig = *state;
    if (geteuid() != 0)
        skip();
    for (int i = 0; i < 100; i++)
        assert_int_equal(answer_to(rig, 12345), 10);
    rig->operators = "1\n12345\n";
    rig_configure(rig, "state.db");
    assert_int_equal(rig_supervisor_receive(rig).type, MESSAGE_configured);
    assert_int_equal(answer_to(rig, 12345), 11);
    assert_int_equal(answer_to(rig, RIG_ORDINARY_ID), 10); /* the keeper's own user is nobody here */
    assert_true(rig_log_has(rig, "control_refused peer_uid=12345"));
}

static void test_rubbish_on_the_control_socket(void **state)
{
    struct keeper_rig *rig = *state;
    uint8_t rubbish[4096];
    uint64_t seed = 42;
    for (int round = 0; round < 2000; round++) {
        auto_close int fd = rig_connect(rig);
        assert_true(fd >= 0);
        for (int packet = 0; packet < 3; packet++) {
            size_t len = 1 + (size_t)(seed >> 33) % sizeof rubbish;
            for (size_t i = 0; i < len; i++) {
                seed = seed * 6364136223846793005U + 1442695040888963407U;
                rubbish[i] = (uint8_t)(seed >> 56);
            }
            if (round % 2 == 0) { /* a type of ours, so that it gets further */
                rubbish[0] = (uint8_t)(round / 2 % MESSAGE_TYPE_COUNT);
                rubbish[len > 1 ? 1 : 0] = 0;
            }
            (void)send(fd, rubbish, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
    struct message list = {.type = MESSAGE_device_list};
    assert_int_equal(rig_command(rig, &list).type, MESSAGE_done);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1}), LOGIN_ALLOWED);
    /* A forged answer of the keeper's own kind, and descriptors that nobody asked for. */
    auto_close int fd = rig_connect(rig);
    struct message forged = {.type = MESSAGE_session_close};
    assert_int_equal(channel_send_blocking(fd, &forged), 0);
    struct message answer;
    assert_int_equal(channel_receive_blocking(fd, ROLE_COMMAND, ROLE_KEEPER, RIG_WAIT_MS, rig->packet,
                                              &answer),
                     -EPIPE);
}

static void test_silent_clients_leave_no_room_for_more_than_their_number(void **state)
{
    struct keeper_rig *rig = *state;
    enum { MOST = 64 };
    int fds[MOST];
    struct message list = {.type = MESSAGE_session_list};
    for (int i = 0; i < MOST; i++) {
        fds[i] = rig_connect(rig);
        assert_true(fds[i] >= 0);
        assert_int_equal(channel_send_blocking(fds[i], &list), 0);
        assert_int_equal(rig_command_receive(rig, fds[i]).type, MESSAGE_done);
    }
    auto_close int late = rig_connect(rig);
    struct message answer = rig_command_receive(rig, late);
    expect_failed(&answer, "too many commands");
    /* Gates do not notice, and a place that is left is a place. */
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1}), LOGIN_ALLOWED);
    (void)close(fds[0]);
    assert_int_equal(channel_send_blocking(fds[1], &list), 0); /* answered after the end of the other */
    assert_int_equal(rig_command_receive(rig, fds[1]).type, MESSAGE_done);
    assert_int_equal(rig_command(rig, &list).type, MESSAGE_done);
    for (int i = 1; i < MOST; i++)
        (void)close(fds[i]);
}

static void test_a_gate_that_talks_rubbish_is_cut_off_alone(void **state)
{
    struct keeper_rig *rig = *state;
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    rig_log_in(rig, (struct rig_session){1, 2, ALICE, "192.0.2.1", 1});
    assert_int_equal(send(rig->gates[0], "\xff\xff\xff", 3, 0), 3);
    struct message answer;
    assert_int_equal(channel_receive_blocking(rig->gates[0], ROLE_GATE, ROLE_KEEPER, RIG_WAIT_MS,
                                              rig->packet, &answer),
                     -EPIPE);
    assert_int_equal(kick(rig, ALICE, 0), 1);
    assert_true(rig_expect_close(rig, 1, "kicked") == 2);
    assert_true(rig_log_has(rig, "gate_left gate=0 reason=\"bad message\""));
}

/* --- Faults ------------------------------------------------------------------------------------------ */

enum { ROUNDS = 12, BURST = 120 };

struct promise {
    bool is_added;
    bool is_revoked;
};

/*
 * Sends adds and, for every third, its revocation, without waiting; reads some of the answers; kills.
 * An answer that was read is a promise.
 */
static void burst_and_kill(struct keeper_rig *rig, uint32_t first, struct promise *promises,
                           unsigned answers)
{
    char names[BURST][16];
    uint32_t sent_for[BURST * 2];
    bool is_revocation[BURST * 2];
    size_t sent = 0;
    auto_close int fd = rig_connect(rig);
    for (uint32_t i = 0; i < BURST; i++) {
        (void)snprintf(names[i], sizeof names[i], "d%u", first + i);
        struct message add = rig_add_message(ALICE, names[i], first + i, INT64_C(4000000000));
        assert_int_equal(channel_send_blocking(fd, &add), 0);
        is_revocation[sent] = false;
        sent_for[sent++] = first + i;
        if (i % 3 != 0)
            continue;
        struct message revoke = rig_revoke_message(ALICE, names[i]);
        assert_int_equal(channel_send_blocking(fd, &revoke), 0);
        is_revocation[sent] = true;
        sent_for[sent++] = first + i;
    }
    for (unsigned i = 0; i < answers && i < sent; i++) {
        assert_int_equal(rig_command_receive(rig, fd).type, MESSAGE_done);
        if (is_revocation[i])
            promises[sent_for[i]].is_revoked = true;
        else
            promises[sent_for[i]].is_added = true;
    }
    rig_kill(rig);
}

static void check_promises(struct keeper_rig *rig, const struct promise *promises, uint32_t count)
{
    static struct promise kept[ROUNDS * BURST + 1];
    memset(kept, 0, sizeof kept);
    auto_close int fd = rig_connect(rig);
    struct message list = {.type = MESSAGE_device_list};
    assert_int_equal(channel_send_blocking(fd, &list), 0);
    for (;;) {
        struct message row = rig_command_receive(rig, fd);
        if (row.type == MESSAGE_done)
            break;
        assert_int_equal(row.type, MESSAGE_device_row);
        const uint8_t *mark = row.device_row.fingerprint;
        uint32_t number = (uint32_t)mark[0] | (uint32_t)mark[1] << 8;
        assert_true(number <= count);
        kept[number] = (struct promise){true, row.device_row.revoked_s != 0};
    }
    for (uint32_t i = 1; i <= count; i++) {
        if (promises[i].is_added && !kept[i].is_added)
            fail_msg("device %u was acknowledged and is lost", i);
        if (promises[i].is_revoked && !kept[i].is_revoked)
            fail_msg("the revocation of device %u was acknowledged and is lost", i);
    }
}

static void test_kill_loses_nothing_acknowledged(void **state)
{
    struct keeper_rig *rig = *state;
    static struct promise promises[ROUNDS * BURST + 1];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        rig_start(rig);
        check_promises(rig, promises, ROUNDS * BURST);
        burst_and_kill(rig, round * BURST + 1, promises, 1 + round * 13);
    }
    rig_start(rig);
    check_promises(rig, promises, ROUNDS * BURST);
}

/* Writes until nothing more goes. */
static void fill_disk(const char *path)
{
    static const char block[4096];
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (size_t size = sizeof block; size > 0; size = size == 1 ? 0 : size / 2)
        while (write(fd, block, size) > 0)
            continue;
    assert_int_equal(errno, ENOSPC);
}

static void on_a_full_disk(struct keeper_rig *rig, const char *ballast)
{
    rig_start(rig);
    rig_join(rig, 0);
    rig_add(rig, ALICE, "phone", 1);
    rig_add(rig, ALICE, "laptop", 2);
    (void)rig_revoke(rig, ALICE, "laptop");
    fill_disk(ballast);
    struct message answer;
    struct message add = rig_add_message(BOB, "phone", 3, INT64_C(4000000000));
    /* What fits into the log's last block still goes; then nothing does. */
    char name[16];
    int stored = 0;
    do {
        (void)snprintf(name, sizeof name, "d%d", stored);
        add = rig_add_message(BOB, name, 100 + (uint32_t)stored, INT64_C(4000000000));
        answer = rig_command(rig, &add);
    } while (answer.type == MESSAGE_done && ++stored < 10000);
    expect_failed(&answer, "nothing was changed: state database");
    struct message revoke = rig_revoke_message(ALICE, "phone");
    answer = rig_command(rig, &revoke);
    expect_failed(&answer, "nothing was changed: state database");
    rig_log_in(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1});
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 2, ALICE, "192.0.2.1", 2}),
                     LOGIN_DEVICE_REVOKED);
    assert_true(rig_log_has(rig, "state_failed"));
    /* A keeper that dies now comes back and knows all that was acknowledged. */
    rig_kill(rig);
    rig_start(rig);
    rig_join(rig, 0);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 2, ALICE, "192.0.2.1", 2}),
                     LOGIN_DEVICE_REVOKED);
    assert_int_equal(rig_ask(rig, (struct rig_session){0, 1, ALICE, "192.0.2.1", 1}), LOGIN_ALLOWED);
    answer = rig_command(rig, &revoke);
    expect_failed(&answer, "nothing was changed: state database");
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(rig_revoke(rig, ALICE, "phone"), 1);
    assert_true(rig_expect_close(rig, 0, "revoked") == 1);
    assert_true(rig_log_has(rig, "state_recovered"));
    assert_int_equal(rig_stop(rig), 0);
}

static void test_a_full_disk_stops_changes_and_nothing_else(void **state)
{
    struct keeper_rig *rig = *state;
    char ballast[96];
    if (mount("tmpfs", rig->state, "tmpfs", 0, "size=512k,mode=0700,uid=65534,gid=65534") != 0)
        skip();
    (void)snprintf(ballast, sizeof ballast, "%s/ballast", rig->state);
    on_a_full_disk(rig, ballast);
    assert_int_equal(umount(rig->state), 0);
}

#define ROW(test, begin) cmocka_unit_test_setup_teardown(test, begin, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ROW(test_a_configuration_is_whole_or_refused, set_up),
        ROW(test_a_reload_changes_limits_and_not_the_database, set_up_running),
        ROW(test_who_is_enrolled_comes_with_the_certificate, set_up_running),
        ROW(test_another_authority_s_certificate_enrols_until_it_ends, set_up_running),
        ROW(test_a_certificate_that_is_forgotten_counts_no_more, set_up_running),
        ROW(test_an_end_that_is_near_is_told_once, set_up),
        ROW(test_a_newer_database_is_refused_with_the_reason, set_up),
        ROW(test_before_a_configuration_logins_are_unavailable, set_up),
        ROW(test_it_ends_when_told_and_when_alone, set_up_running),
        ROW(test_revoking_closes_what_lives_before_it_is_done, set_up_running),
        ROW(test_a_new_keeper_closes_what_the_old_one_revoked, set_up_running),
        ROW(test_sessions_end_with_their_certificate, set_up_running),
        ROW(test_caps_hold_over_gates_and_end_with_them, set_up_running),
        ROW(test_kicking_by_user_and_by_number, set_up_running),
        ROW(test_lists_name_what_is_known, set_up_running),
        ROW(test_a_list_longer_than_any_queue, set_up),
        ROW(test_releases_greet_each_other, set_up_running),
        ROW(test_strangers_are_told_so_and_operators_served, set_up_running),
        ROW(test_rubbish_on_the_control_socket, set_up_running),
        ROW(test_silent_clients_leave_no_room_for_more_than_their_number, set_up_running),
        ROW(test_a_gate_that_talks_rubbish_is_cut_off_alone, set_up_running),
        ROW(test_kill_loses_nothing_acknowledged, set_up),
        ROW(test_a_full_disk_stops_changes_and_nothing_else, set_up),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
