/* Tests of channel/message.h: what is encoded decodes to the same, and nothing else decodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "channel/message.h"

static struct message sample(void)
{
    struct message message = {.type = MESSAGE_login_ask};
    message.login_ask = (struct message_login_ask){.session = 0x1122334455667788,
                                                   .login = SPAN("alice@example.org"),
                                                   .listener = SPAN("imaps"),
                                                   .protocol = 1,
                                                   .factor = SPAN("password"),
                                                   .has_certificate = 1};
    message.login_ask.address[15] = 9;
    message.login_ask.fingerprint[31] = 0xee;
    return message;
}

static void test_round_trip(void **state)
{
    (void)state;
    auto_strbuf struct strbuf packet = STRBUF(MESSAGE_PACKET_MAX);
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count = 9;
    struct message message = sample();
    struct message back;
    assert_true(message_encode(&message, &packet, fds, &fd_count));
    assert_int_equal(fd_count, 0);
    assert_true(message_decode(strbuf_span(&packet), NULL, 0, &back));
    assert_true(back.login_ask.session == message.login_ask.session);
    assert_true(span_equal(back.login_ask.login, message.login_ask.login));
    assert_memory_equal(back.login_ask.fingerprint, message.login_ask.fingerprint, 32);
    auto_strbuf struct strbuf text = STRBUF(4096);
    message_print(&back, &text);
    assert_non_null(strstr(strbuf_text(&text), "login=\"alice@example.org\""));
}

static void test_every_cut_and_every_tail_is_refused(void **state)
{
    (void)state;
    auto_strbuf struct strbuf packet = STRBUF(MESSAGE_PACKET_MAX);
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count;
    struct message message = sample();
    struct message back;
    assert_true(message_encode(&message, &packet, fds, &fd_count));
    for (size_t len = 0; len < packet.len; len++)
        assert_false(message_decode(span_first(strbuf_span(&packet), len), NULL, 0, &back));
    strbuf_append_byte(&packet, 0);
    assert_false(message_decode(strbuf_span(&packet), NULL, 0, &back));
}

static void test_descriptors_must_match(void **state)
{
    (void)state;
    auto_strbuf struct strbuf packet = STRBUF(MESSAGE_PACKET_MAX);
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count;
    struct message message = {.type = MESSAGE_configure_certificate};
    message.configure_certificate =
        (struct message_configure_certificate){.file = SPAN("x"), .certificate = 50, .key = 51};
    struct message back;
    assert_true(message_encode(&message, &packet, fds, &fd_count));
    assert_int_equal(fd_count, 2);
    assert_false(message_decode(strbuf_span(&packet), fds, 1, &back));
    assert_false(message_decode(strbuf_span(&packet), (int[]){50, 51, 52}, 3, &back));
    assert_true(message_decode(strbuf_span(&packet), fds, 2, &back));
    assert_int_equal(back.configure_certificate.key, 51);
}

static void test_text_over_its_maximum_is_refused_both_ways(void **state)
{
    (void)state;
    auto_strbuf struct strbuf packet = STRBUF(MESSAGE_PACKET_MAX);
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count;
    char longest[513];
    memset(longest, 'a', sizeof longest);
    struct message message = {.type = MESSAGE_session_list};
    message.session_list.login = span_make(longest, sizeof longest);
    assert_false(message_encode(&message, &packet, fds, &fd_count));

    strbuf_reset(&packet);
    message.session_list.login.len = 512;
    assert_true(message_encode(&message, &packet, fds, &fd_count));
    packet.at[2] = 0x01; /* the length now says 513 */
    strbuf_append_byte(&packet, 'a');
    struct message back;
    assert_false(message_decode(strbuf_span(&packet), NULL, 0, &back));
}

static void test_who_may_send_what(void **state)
{
    (void)state;
    assert_true(message_may_pass(MESSAGE_login_ask, ROLE_GATE, ROLE_KEEPER));
    assert_false(message_may_pass(MESSAGE_login_answer, ROLE_GATE, ROLE_KEEPER));
    assert_false(message_may_pass(MESSAGE_session_close, ROLE_COMMAND, ROLE_GATE));
    assert_false(message_may_pass(MESSAGE_NONE, ROLE_GATE, ROLE_KEEPER));
    assert_false(message_may_pass(MESSAGE_TYPE_COUNT, ROLE_GATE, ROLE_KEEPER));
}

/*
 * Two releases understand each other through these: their octets never change. A test that fails here
 * says that a message was added or changed in the wrong place, not that the octets below are old.
 */
static void test_what_two_releases_say_to_each_other(void **state)
{
    (void)state;
    const struct {
        struct message message;
        const char *hex;
    } frozen[] = {
        {{.type = MESSAGE_session_announce,
          .session_announce = {.session = 0x0102030405060708,
                               .login = SPAN("al"),
                               .address = {[15] = 9},
                               .listener = SPAN("im"),
                               .protocol = 1,
                               .factor = SPAN("pa"),
                               .has_certificate = 1,
                               .fingerprint = {[31] = 0xee},
                               .started_s = 5}},
         "030008070605040302010200616c000000000000000000000000000000090200696d010200706101"
         "00000000000000000000000000000000000000000000000000000000000000ee0500000000000000"},
        {{.type = MESSAGE_session_ended, .session_ended = {.session = 2}}, "04000200000000000000"},
        {{.type = MESSAGE_session_close, .session_close = {.session = 3, .reason = SPAN("kicked")}},
         "0500030000000000000006006b69636b6564"},
        {{.type = MESSAGE_finish, .finish = {.within_ms = 4}}, "060004000000"},
        {{.type = MESSAGE_drain, .drain = {.within_ms = 5}}, "070005000000"},
        {{.type = MESSAGE_end_certified, .end_certified = {.within_ms = 6}}, "080006000000"},
        {{.type = MESSAGE_hand_over, .hand_over = {.release = SPAN("0.1")}}, "09000300302e31"},
        {{.type = MESSAGE_handed_over, .handed_over = {.is_stored = 1}}, "0a0001"},
        {{.type = MESSAGE_successor_joined, .successor_joined = {.channel = 50}}, "0b0001"},
    };
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        auto_strbuf struct strbuf packet = STRBUF(MESSAGE_PACKET_MAX);
        auto_strbuf struct strbuf hex = STRBUF(1024);
        int fds[MESSAGE_FDS_MAX];
        size_t fd_count;
        assert_true(message_encode(&frozen[i].message, &packet, fds, &fd_count));
        strbuf_append_hex(&hex, strbuf_span(&packet));
        assert_string_equal(strbuf_text(&hex), frozen[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_cut_and_every_tail_is_refused),
        cmocka_unit_test(test_descriptors_must_match),
        cmocka_unit_test(test_text_over_its_maximum_is_refused_both_ways),
        cmocka_unit_test(test_who_may_send_what),
        cmocka_unit_test(test_what_two_releases_say_to_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
