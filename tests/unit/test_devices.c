/* Tests of keeper/devices.h: what is registered, what is refused, what a restart finds, a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "keeper/devices.h"
#include "keeper/expiry.h"

struct fixture {
    char dir[64];
    char file[80];
    struct devices devices;
    struct strbuf reason;
};

static void reopen(struct fixture *fixture)
{
    devices_close(&fixture->devices);
    strbuf_reset(&fixture->reason);
    if (!devices_open(&fixture->devices, fixture->file, &fixture->reason))
        fail_msg("%s", strbuf_text(&fixture->reason));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.dir = "/tmp/postern-devices-XXXXXX", .reason = STRBUF(512)};
    assert_non_null(mkdtemp(fixture.dir));
    (void)snprintf(fixture.file, sizeof fixture.file, "%s/state.db", fixture.dir);
    reopen(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    struct fixture *fixture = *state;
    devices_close(&fixture->devices);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char file[96];
        (void)snprintf(file, sizeof file, "%s%s", fixture->file, tails[i]);
        (void)unlink(file);
    }
    strbuf_fini(&fixture->reason);
    return rmdir(fixture->dir);
}

static enum device_result add(struct fixture *fixture, const char *login, const char *name,
                              uint8_t mark)
{
    uint8_t fingerprint[STORE_FINGERPRINT_SIZE] = {mark};
    char serial[8];
    (void)snprintf(serial, sizeof serial, "ab%02x", mark);
    struct device_facts facts = {.login = span_of(login),
                                 .name = span_of(name),
                                 .fingerprint = fingerprint,
                                 .serial = span_of(serial),
                                 .issuer = SPAN("CN=Postern CA"),
                                 .not_after_s = 5000};
    strbuf_reset(&fixture->reason);
    return devices_add(&fixture->devices, &facts, 1000, &fixture->reason);
}

static struct device *find(struct fixture *fixture, uint8_t mark)
{
    uint8_t fingerprint[STORE_FINGERPRINT_SIZE] = {mark};
    return devices_find(&fixture->devices, fingerprint);
}

static bool has_valid(struct fixture *fixture, const char *login, bool is_local_enough, int64_t now_s)
{
    return devices_has_valid(&fixture->devices, span_of(login), is_local_enough, now_s);
}

static void test_a_valid_device_is_registered_unrevoked_and_not_over(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, "alice@example.org", "phone", 1), DEVICE_DONE);
    for (int restarts = 0; restarts < 2; restarts++, reopen(fixture)) {
        assert_true(has_valid(fixture, "alice@example.org", false, 5000));
        assert_false(has_valid(fixture, "alice@example.org", false, 5001));
        assert_false(has_valid(fixture, "alice@other.example", false, 1000));
        assert_true(has_valid(fixture, "alice@other.example", true, 1000));
        assert_false(has_valid(fixture, "alice", false, 1000));
        assert_true(has_valid(fixture, "alice", true, 1000));
        assert_false(has_valid(fixture, "alic", true, 1000));
        assert_false(has_valid(fixture, "", true, 1000));
    }
    assert_int_equal(devices_revoke(&fixture->devices, find(fixture, 1), 2000, &fixture->reason),
                     DEVICE_DONE);
    assert_false(has_valid(fixture, "alice@example.org", false, 1000));
    assert_false(has_valid(fixture, "alice", true, 1000));
}

static void test_devices_survive(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, "alice@example.org", "phone", 1), DEVICE_DONE);
    assert_int_equal(add(fixture, "alice@example.org", "t\xc3\xa9l\xc3\xa9phone", 2), DEVICE_DONE);
    assert_int_equal(add(fixture, "bob@example.org", "phone", 3), DEVICE_DONE);
    assert_int_equal(devices_revoke(&fixture->devices, find(fixture, 2), 2000, &fixture->reason),
                     DEVICE_DONE);
    reopen(fixture);
    assert_int_equal(fixture->devices.count, 3);
    struct device *device = find(fixture, 1);
    assert_non_null(device);
    assert_true(span_equal(device_login(device), SPAN("alice@example.org")));
    assert_true(span_equal(device_name(device), SPAN("phone")));
    assert_true(span_equal(device_serial(device), SPAN("ab01")));
    assert_int_equal(device->added_s, 1000);
    assert_int_equal(device->not_after_s, 5000);
    assert_int_equal(device->revoked_s, 0);
    assert_int_equal(find(fixture, 2)->revoked_s, 2000);
    assert_null(find(fixture, 4));
    struct stat status;
    assert_int_equal(stat(fixture->file, &status), 0);
}

static void test_names_and_certificates_are_one_each(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, "alice", "phone", 1), DEVICE_DONE);
    assert_int_equal(add(fixture, "alice", "phone", 2), DEVICE_REFUSED);
    assert_string_equal(strbuf_text(&fixture->reason), "alice has a device of that name already: phone");
    assert_int_equal(add(fixture, "bob", "tablet", 1), DEVICE_REFUSED);
    assert_string_equal(strbuf_text(&fixture->reason), "this certificate is registered already");
    /* A revoked device gives its name back, and its certificate never. */
    assert_int_equal(devices_revoke(&fixture->devices, find(fixture, 1), 2000, &fixture->reason),
                     DEVICE_DONE);
    assert_int_equal(add(fixture, "alice", "phone", 1), DEVICE_REFUSED);
    assert_int_equal(add(fixture, "alice", "phone", 2), DEVICE_DONE);
    reopen(fixture);
    assert_int_equal(fixture->devices.count, 2);
    struct device *named = devices_find_named(&fixture->devices, SPAN("alice"), SPAN("phone"), SPAN_NONE);
    assert_ptr_equal(named, find(fixture, 2));
    assert_int_equal(devices_revoke(&fixture->devices, named, 3000, &fixture->reason), DEVICE_DONE);
    assert_int_equal(devices_revoke(&fixture->devices, named, 3000, &fixture->reason), DEVICE_REFUSED);
}

static void test_devices_are_found_by_serial_too(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, "alice", "phone", 0xcd), DEVICE_DONE);
    assert_ptr_equal(devices_find_named(&fixture->devices, SPAN("alice"), SPAN_NONE, SPAN("ABCD")),
                     find(fixture, 0xcd));
    assert_ptr_equal(devices_find_named(&fixture->devices, SPAN("alice"), SPAN_NONE, SPAN("00abcd")),
                     find(fixture, 0xcd));
    assert_null(devices_find_named(&fixture->devices, SPAN("bob"), SPAN_NONE, SPAN("abcd")));
    assert_null(devices_find_named(&fixture->devices, SPAN("alice"), SPAN_NONE, SPAN("abc")));
    assert_null(devices_find_named(&fixture->devices, SPAN("alice"), SPAN_NONE, SPAN_NONE));
}

static void test_facts_that_are_none_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char long_name[DEVICE_NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(add(fixture, "", "phone", 1), DEVICE_REFUSED);
    assert_int_equal(add(fixture, "alice", "", 1), DEVICE_REFUSED);
    assert_int_equal(add(fixture, "alice", "two\nlines", 1), DEVICE_REFUSED);
    assert_int_equal(add(fixture, "alice", "\x1b[2J", 1), DEVICE_REFUSED);
    assert_int_equal(add(fixture, "alice", "\xc2\x9b", 1), DEVICE_REFUSED);
    assert_int_equal(add(fixture, "alice", "\xc0\xaf", 1), DEVICE_REFUSED);
    assert_int_equal(add(fixture, "alice", long_name, 1), DEVICE_REFUSED);
    long_name[DEVICE_NAME_MAX] = '\0';
    assert_int_equal(add(fixture, "alice", long_name, 1), DEVICE_DONE);
    reopen(fixture);
    assert_int_equal(fixture->devices.count, 1);
}

static void test_last_use_is_noted_once_a_minute(void **state)
{
    struct fixture *fixture = *state;
    struct ip address;
    assert_true(ip_parse(SPAN("2001:db8::7"), &address));
    assert_int_equal(add(fixture, "alice", "phone", 1), DEVICE_DONE);
    struct device *device = find(fixture, 1);
    devices_touch(&fixture->devices, device, &address, 10000);
    assert_true(devices_flush(&fixture->devices, &fixture->reason));
    devices_touch(&fixture->devices, device, &address, 10059);
    assert_int_equal(device->last_used_s, 10059);
    assert_true(LIST_EMPTY(&fixture->devices.unwritten));
    devices_touch(&fixture->devices, device, &address, 10060);
    devices_touch(&fixture->devices, device, &address, 10061);
    assert_false(LIST_EMPTY(&fixture->devices.unwritten));
    assert_true(devices_flush(&fixture->devices, &fixture->reason));
    assert_true(LIST_EMPTY(&fixture->devices.unwritten));
    reopen(fixture);
    device = find(fixture, 1);
    assert_int_equal(device->last_used_s, 10061);
    assert_true(device->has_address && ip_equal(&device->last_address, &address));
}

enum { DAY_S = 86400, ENDS_S = 5000 };

static unsigned due(struct fixture *fixture, uint8_t mark, int64_t before_end_s)
{
    return devices_due_warning(find(fixture, mark), ENDS_S - before_end_s);
}

static void test_each_warning_is_due_once_in_its_time(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, "alice", "phone", 1), DEVICE_DONE);
    assert_int_equal(due(fixture, 1, 30 * DAY_S + 1), 0);
    static const unsigned warnings[] = {30, 7, 1};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(due(fixture, 1, warnings[i] * DAY_S), warnings[i]);
        devices_note_warning(&fixture->devices, find(fixture, 1), warnings[i]);
        assert_true(devices_flush(&fixture->devices, &fixture->reason));
        reopen(fixture);
        assert_int_equal(due(fixture, 1, warnings[i] * DAY_S), 0);
        assert_int_equal(due(fixture, 1, 1), i == 2 ? 0 : 1); /* the nearest, after a long silence */
    }
    assert_int_equal(due(fixture, 1, -1), 0);
}

static void test_no_warning_for_what_is_revoked_or_over(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, "alice", "phone", 1), DEVICE_DONE);
    assert_int_equal(due(fixture, 1, 0), 1);
    assert_int_equal(due(fixture, 1, -1), 0);
    assert_int_equal(devices_revoke(&fixture->devices, find(fixture, 1), 2000, &fixture->reason),
                     DEVICE_DONE);
    assert_int_equal(due(fixture, 1, 1), 0);
}

static void test_many_warnings_take_several_turns_and_miss_nobody(void **state)
{
    struct fixture *fixture = *state;
    enum { DEVICES = EXPIRY_WARNINGS_MAX + 30 };
    for (int i = 0; i < DEVICES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "d%d", i);
        assert_int_equal(add(fixture, "alice", name, (uint8_t)(i + 1)), DEVICE_DONE);
    }
    struct expiry expiry = {.next = 0};
    static const size_t warned_after[] = {EXPIRY_WARNINGS_MAX, DEVICES, DEVICES};
    for (size_t turn = 0; turn < 3; turn++) {
        expiry_warn(&expiry, &fixture->devices, ENDS_S - 5 * DAY_S);
        size_t warned = 0;
        for (size_t i = 0; i < DEVICES; i++)
            warned += fixture->devices.all[i]->warned_days == 7;
        assert_int_equal(warned, warned_after[turn]);
        assert_true(devices_flush(&fixture->devices, &fixture->reason));
        reopen(fixture);
    }
}

static void limit_files(rlim_t octets)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = octets;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_full_disk_refuses_changes_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct ip address;
    assert_true(ip_parse(SPAN("192.0.2.1"), &address));
    assert_int_equal(add(fixture, "alice", "phone", 1), DEVICE_DONE);
    limit_files(0);
    assert_int_equal(add(fixture, "alice", "tablet", 2), DEVICE_STORE_FAILED);
    assert_true(strbuf_span(&fixture->reason).len > 0);
    strbuf_reset(&fixture->reason);
    assert_int_equal(devices_revoke(&fixture->devices, find(fixture, 1), 2000, &fixture->reason),
                     DEVICE_STORE_FAILED);
    devices_touch(&fixture->devices, find(fixture, 1), &address, 9000);
    assert_false(devices_flush(&fixture->devices, &fixture->reason));
    assert_null(find(fixture, 2));
    assert_int_equal(find(fixture, 1)->revoked_s, 0);
    /* Room again: all goes on, and what waited is written. */
    limit_files(RLIM_INFINITY);
    assert_true(devices_flush(&fixture->devices, &fixture->reason));
    assert_int_equal(add(fixture, "alice", "tablet", 2), DEVICE_DONE);
    assert_int_equal(devices_revoke(&fixture->devices, find(fixture, 1), 2000, &fixture->reason),
                     DEVICE_DONE);
    reopen(fixture);
    assert_int_equal(fixture->devices.count, 2);
    assert_int_equal(find(fixture, 1)->revoked_s, 2000);
    assert_int_equal(find(fixture, 1)->last_used_s, 9000);
}

static void test_a_database_opens_on_a_full_disk(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, "alice", "phone", 1), DEVICE_DONE);
    devices_close(&fixture->devices);
    limit_files(0);
    reopen(fixture);
    assert_non_null(find(fixture, 1));
    assert_int_equal(add(fixture, "alice", "tablet", 2), DEVICE_STORE_FAILED);
    limit_files(RLIM_INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_valid_device_is_registered_unrevoked_and_not_over,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_devices_survive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_and_certificates_are_one_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_devices_are_found_by_serial_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_facts_that_are_none_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_use_is_noted_once_a_minute, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_warning_is_due_once_in_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_warning_for_what_is_revoked_or_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_warnings_take_several_turns_and_miss_nobody, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_refuses_changes_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_database_opens_on_a_full_disk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
