/* Tests of keeper/sessions.h: caps over all gates, who counts when, and gates that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "keeper/sessions.h"

static const uint8_t phone[SESSION_FINGERPRINT_SIZE] = {1};
static const uint8_t laptop[SESSION_FINGERPRINT_SIZE] = {2};

static struct session_facts facts_of(uint32_t gate, uint64_t id, const char *login,
                                     const char *address, const uint8_t *fingerprint)
{
    struct session_facts facts = {.gate = gate,
                                  .id = id,
                                  .login = span_of(login),
                                  .listener = SPAN("imaps"),
                                  .factor = SPAN("password"),
                                  .fingerprint = fingerprint};
    assert_true(ip_parse(span_of(address), &facts.address));
    return facts;
}

static enum login_answer_code ask(struct sessions *sessions, uint32_t gate, uint64_t id,
                                  const char *login, const char *address,
                                  const uint8_t *fingerprint)
{
    struct session_facts facts = facts_of(gate, id, login, address, fingerprint);
    struct session *session = NULL;
    enum login_answer_code answer = sessions_ask(sessions, &facts, &session);
    assert_int_equal(session != NULL, answer == LOGIN_ALLOWED);
    return answer;
}

static enum login_answer_code start(struct sessions *sessions, uint32_t gate, uint64_t id)
{
    struct session *session = sessions_find(sessions, gate, id);
    assert_non_null(session);
    return sessions_start(sessions, session, 1000);
}

static int set_up(void **state)
{
    static struct sessions sessions;
    assert_int_equal(sessions_init(&sessions), 0);
    sessions_set_caps(&sessions, 4, 2);
    *state = &sessions;
    return 0;
}

static int tear_down(void **state)
{
    struct sessions *sessions = *state;
    for (uint32_t gate = 0; gate < 4; gate++)
        sessions_remove_gate(sessions, gate);
    assert_int_equal(sessions->by_id.count, 0);
    assert_int_equal(sessions->by_fingerprint.count, 0);
    assert_int_equal(sessions->by_login.count, 0);
    assert_int_equal(sessions->by_user_and_address.count, 0);
    sessions_fini(sessions);
    return 0;
}

static void test_nothing_is_allowed_before_caps_are_set(void **state)
{
    struct sessions *sessions = *state;
    sessions_set_caps(sessions, 0, 0);
    assert_int_equal(ask(sessions, 0, 1, "alice", "192.0.2.1", NULL), LOGIN_TOO_MANY_SESSIONS);
}

static void test_certificates_count_when_they_ask(void **state)
{
    struct sessions *sessions = *state;
    assert_int_equal(ask(sessions, 0, 1, "alice", "192.0.2.1", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 1, 1, "alice", "192.0.2.1", laptop), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 2, 9, "alice", "192.0.2.1", phone), LOGIN_TOO_MANY_FROM_ADDRESS);
    assert_int_equal(ask(sessions, 2, 9, "alice", "192.0.2.2", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 2, 10, "alice", "2001:db8::1", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 2, 11, "alice", "192.0.2.3", phone), LOGIN_TOO_MANY_SESSIONS);
    assert_int_equal(ask(sessions, 2, 12, "bob", "192.0.2.1", laptop), LOGIN_ALLOWED);
    /* Starting does not count again, and one that ends makes room for one. */
    assert_int_equal(start(sessions, 0, 1), LOGIN_ALLOWED);
    sessions_remove(sessions, sessions_find(sessions, 1, 1));
    assert_int_equal(ask(sessions, 0, 2, "alice", "192.0.2.1", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 0, 3, "alice", "192.0.2.7", phone), LOGIN_TOO_MANY_SESSIONS);
}

static void test_passwords_count_when_they_start(void **state)
{
    struct sessions *sessions = *state;
    /* However many guess, the user still gets in. */
    for (uint64_t id = 1; id <= 100; id++)
        assert_int_equal(ask(sessions, 0, id, "alice", "198.51.100.1", NULL), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 1, 1, "alice", "192.0.2.1", NULL), LOGIN_ALLOWED);
    assert_int_equal(start(sessions, 1, 1), LOGIN_ALLOWED);
    /* Both asked while there was room for one: the second is one too many when it starts. */
    assert_int_equal(ask(sessions, 1, 2, "alice", "192.0.2.1", NULL), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 1, 3, "alice", "192.0.2.1", NULL), LOGIN_ALLOWED);
    assert_int_equal(start(sessions, 1, 2), LOGIN_ALLOWED);
    assert_int_equal(start(sessions, 1, 3), LOGIN_TOO_MANY_FROM_ADDRESS);
    assert_int_equal(ask(sessions, 1, 4, "alice", "192.0.2.1", NULL), LOGIN_TOO_MANY_FROM_ADDRESS);
    sessions_remove(sessions, sessions_find(sessions, 1, 3));
    sessions_remove(sessions, sessions_find(sessions, 1, 2));
    assert_int_equal(ask(sessions, 1, 4, "alice", "192.0.2.1", NULL), LOGIN_ALLOWED);
    assert_int_equal(start(sessions, 1, 4), LOGIN_ALLOWED);
}

static void test_a_gate_that_is_gone_takes_its_sessions_along(void **state)
{
    struct sessions *sessions = *state;
    assert_int_equal(ask(sessions, 0, 1, "alice", "192.0.2.1", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 0, 2, "alice", "192.0.2.1", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 1, 1, "alice", "192.0.2.2", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 1, 2, "alice", "192.0.2.1", phone), LOGIN_TOO_MANY_FROM_ADDRESS);
    sessions_remove_gate(sessions, 0);
    assert_null(sessions_find(sessions, 0, 1));
    assert_non_null(sessions_find(sessions, 1, 1));
    assert_int_equal(ask(sessions, 1, 2, "alice", "192.0.2.1", phone), LOGIN_ALLOWED);
}

static void test_the_same_number_again_is_a_new_session(void **state)
{
    struct sessions *sessions = *state;
    assert_int_equal(ask(sessions, 0, 1, "alice", "192.0.2.1", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 0, 1, "bob", "192.0.2.1", NULL), LOGIN_ALLOWED);
    assert_null(sessions_of_login(sessions, SPAN("alice"), NULL));
    assert_null(sessions_with_fingerprint(sessions, phone, NULL));
    assert_non_null(sessions_of_login(sessions, SPAN("bob"), NULL));
    assert_int_equal(sessions->by_id.count, 1);
}

static void test_announced_sessions_count_and_break_no_cap(void **state)
{
    struct sessions *sessions = *state;
    for (uint64_t id = 1; id <= 6; id++) {
        struct session_facts facts = facts_of(3, id, "alice", "192.0.2.1", phone);
        struct session *session = sessions_announce(sessions, &facts, 77);
        assert_non_null(session);
        assert_int_equal(session->started_s, 77);
    }
    assert_int_equal(ask(sessions, 0, 1, "alice", "192.0.2.9", phone), LOGIN_TOO_MANY_SESSIONS);
    sessions_remove_gate(sessions, 3);
    assert_int_equal(ask(sessions, 0, 1, "alice", "192.0.2.9", phone), LOGIN_ALLOWED);
}

static void test_what_was_at_its_backend_starts_as_ever(void **state)
{
    struct sessions *sessions = *state;
    struct session_facts facts = facts_of(0, 1, "alice", "192.0.2.1", NULL);
    struct session *session = sessions_announce(sessions, &facts, 0);
    assert_non_null(session);
    assert_int_equal(session->started_s, 0);
    assert_false(session->is_counted);
    facts.fingerprint = phone;
    facts.id = 2;
    assert_true(sessions_announce(sessions, &facts, 0)->is_counted);
    assert_int_equal(start(sessions, 0, 1), LOGIN_ALLOWED);
    assert_int_equal(start(sessions, 0, 2), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 0, 3, "alice", "192.0.2.1", phone), LOGIN_TOO_MANY_FROM_ADDRESS);
}

static void test_sessions_are_found_every_way(void **state)
{
    struct sessions *sessions = *state;
    sessions_set_caps(sessions, 100, 100);
    for (uint64_t id = 1; id <= 5; id++)
        for (uint32_t gate = 0; gate < 3; gate++)
            assert_int_equal(ask(sessions, gate, id, gate == 2 ? "bob" : "alice", "192.0.2.1",
                                 id % 2 == 0 ? phone : NULL),
                             LOGIN_ALLOWED);
    size_t by_id = 0;
    size_t by_login = 0;
    size_t by_fingerprint = 0;
    struct session *session = NULL;
    while ((session = sessions_with_id(sessions, 4, session)) != NULL)
        by_id++;
    while ((session = sessions_of_login(sessions, SPAN("alice"), session)) != NULL) {
        assert_true(span_equal(session_login(session), SPAN("alice")));
        assert_true(span_equal(session_listener(session), SPAN("imaps")));
        assert_true(span_equal(session_factor(session), SPAN("password")));
        by_login++;
    }
    while ((session = sessions_with_fingerprint(sessions, phone, session)) != NULL)
        by_fingerprint++;
    assert_int_equal(by_id, 3);
    assert_int_equal(by_login, 10);
    assert_int_equal(by_fingerprint, 6);
    assert_null(sessions_with_id(sessions, 6, NULL));
    assert_null(sessions_of_login(sessions, SPAN("ALICE"), NULL));
    assert_null(sessions_with_fingerprint(sessions, laptop, NULL));
}

static void test_there_is_an_end_to_memory(void **state)
{
    struct sessions *sessions = *state;
    sessions_set_caps(sessions, UINT32_MAX, UINT32_MAX);
    for (uint64_t id = 0; id < SESSIONS_MAX; id++)
        assert_int_equal(ask(sessions, 0, id, "alice", "192.0.2.1", phone), LOGIN_ALLOWED);
    assert_int_equal(ask(sessions, 0, SESSIONS_MAX, "alice", "192.0.2.1", phone),
                     LOGIN_STATE_UNAVAILABLE);
    assert_int_equal(ask(sessions, 0, SESSIONS_MAX - 1, "bob", "192.0.2.1", NULL), LOGIN_ALLOWED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_allowed_before_caps_are_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_certificates_count_when_they_ask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passwords_count_when_they_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_gate_that_is_gone_takes_its_sessions_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_number_again_is_a_new_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_announced_sessions_count_and_break_no_cap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_at_its_backend_starts_as_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sessions_are_found_every_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_there_is_an_end_to_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
