/* Tests of channel/channel.h: order, back-pressure, descriptors, and peers that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "channel/channel.h"

struct end {
    struct channel channel;
    unsigned received;
    uint64_t last_session;
    int last_fd;
    int closed; /* -1, or the enum channel_end */
    bool close_on_message;
};

static void on_message(struct channel *channel, struct message *message, void *owner)
{
    struct end *end = owner;
    end->received++;
    if (message->type == MESSAGE_login_failed) {
        assert_true(message->login_failed.session == end->last_session + 1);
        end->last_session = message->login_failed.session;
    }
    if (message->type == MESSAGE_keeper_joined)
        end->last_fd = take_fd(&message->keeper_joined.channel);
    if (end->close_on_message)
        channel_fini(channel);
}

static void on_closed(struct channel *channel, enum channel_end why, void *owner)
{
    struct end *end = owner;
    assert_false(channel_is_open(channel));
    assert_int_equal(end->closed, -1);
    end->closed = (int)why;
}

static void end_open(struct end *end, struct event_base *loop, int fd, enum role self, enum role peer)
{
    *end = (struct end){.closed = -1, .last_fd = -1};
    assert_int_equal(channel_init(&end->channel, loop, fd, self, peer, on_message, on_closed, end), 0);
}

static void turn(struct event_base *loop)
{
    for (int i = 0; i < 200; i++)
        event_base_loop(loop, EVLOOP_NONBLOCK);
}

static void test_messages_arrive_in_order_under_back_pressure(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    int fds[2];
    struct event_base *loop = event_base_new();
    struct end gate;
    struct end keeper;
    assert_int_equal(channel_pair(fds), 0);
    end_open(&gate, loop, fds[0], ROLE_GATE, ROLE_KEEPER);
    end_open(&keeper, loop, fds[1], ROLE_KEEPER, ROLE_GATE);
    for (uint64_t i = 1; i <= MANY; i++) {
        struct message message = {.type = MESSAGE_login_failed, .login_failed = {.session = i}};
        assert_true(channel_send(&gate.channel, &message));
    }
    assert_false(channel_is_flushed(&gate.channel));
    for (int i = 0; i < 100 && keeper.received < MANY; i++)
        turn(loop);
    assert_int_equal(keeper.received, MANY);
    assert_true(channel_is_flushed(&gate.channel));
    channel_fini(&gate.channel);
    turn(loop);
    assert_int_equal(keeper.closed, CHANNEL_PEER_GONE);
    event_base_free(loop);
}

struct talker {
    struct end end;
    uint64_t sent;
    uint64_t most;
};

static void send_while_flushed(struct channel *channel, void *owner)
{
    struct talker *talker = owner;
    while (talker->sent < talker->most && channel_is_flushed(channel)) {
        struct message message = {.type = MESSAGE_login_failed,
                                  .login_failed = {.session = ++talker->sent}};
        assert_true(channel_send(channel, &message));
    }
}

static void test_an_owner_with_much_to_send_is_told_when_to_go_on(void **state)
{
    (void)state;
    int fds[2];
    struct event_base *loop = event_base_new();
    struct talker gate = {.most = 200000};
    struct end keeper;
    assert_int_equal(channel_pair(fds), 0);
    assert_int_equal(channel_init(&gate.end.channel, loop, fds[0], ROLE_GATE, ROLE_KEEPER, on_message,
                                  on_closed, &gate),
                     0);
    gate.end.channel.on_flushed = send_while_flushed;
    end_open(&keeper, loop, fds[1], ROLE_KEEPER, ROLE_GATE);
    send_while_flushed(&gate.end.channel, &gate);
    assert_true(gate.sent < gate.most);
    for (int i = 0; i < 1000 && keeper.received < gate.most; i++) {
        assert_true(gate.end.channel.queued_octets < 64);
        turn(loop);
    }
    assert_int_equal(keeper.received, gate.most);
    channel_fini(&gate.end.channel);
    channel_fini(&keeper.channel);
    event_base_free(loop);
}

static void test_a_peer_that_never_reads_is_given_up(void **state)
{
    (void)state;
    int fds[2];
    struct event_base *loop = event_base_new();
    struct end gate;
    assert_int_equal(channel_pair(fds), 0);
    end_open(&gate, loop, fds[0], ROLE_GATE, ROLE_KEEPER);
    struct message message = {.type = MESSAGE_login_failed};
    size_t sent = 0;
    while (channel_send(&gate.channel, &message))
        assert_true(++sent < 10000000);
    turn(loop);
    assert_int_equal(gate.closed, CHANNEL_QUEUE_FULL);
    close(fds[1]);
    event_base_free(loop);
}

static void test_what_may_not_pass_closes(void **state)
{
    (void)state;
    static const struct {
        const char *octets;
        size_t len;
    } packets[] = {{"\x00\x00", 2}, {"\xff\xff", 2}, {"x", 1}, {"\x01\x00", 2}};
    struct event_base *loop = event_base_new();
    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        int fds[2];
        struct end keeper;
        assert_int_equal(channel_pair(fds), 0);
        end_open(&keeper, loop, fds[1], ROLE_KEEPER, ROLE_GATE);
        assert_int_equal(send(fds[0], packets[i].octets, packets[i].len, 0), packets[i].len);
        turn(loop);
        assert_int_equal(keeper.closed, CHANNEL_BAD_MESSAGE);
        assert_int_equal(keeper.received, 0);
        close(fds[0]);
    }
    /* Well-formed, but not what a gate may say to a keeper. */
    int fds[2];
    struct end keeper;
    assert_int_equal(channel_pair(fds), 0);
    end_open(&keeper, loop, fds[1], ROLE_KEEPER, ROLE_GATE);
    struct message forged = {.type = MESSAGE_session_kick};
    assert_int_equal(channel_send_blocking(fds[0], &forged), 0);
    turn(loop);
    assert_int_equal(keeper.closed, CHANNEL_BAD_MESSAGE);
    close(fds[0]);
    event_base_free(loop);
}

static void test_descriptors_travel_even_from_the_queue(void **state)
{
    (void)state;
    int fds[2];
    int passed[2];
    struct event_base *loop = event_base_new();
    struct end supervisor;
    struct end gate;
    assert_int_equal(channel_pair(fds), 0);
    end_open(&supervisor, loop, fds[0], ROLE_SUPERVISOR, ROLE_GATE);
    struct message finish = {.type = MESSAGE_finish};
    while (channel_is_flushed(&supervisor.channel))
        assert_true(channel_send(&supervisor.channel, &finish));
    assert_int_equal(pipe(passed), 0);
    struct message joined = {.type = MESSAGE_keeper_joined, .keeper_joined = {.channel = passed[1]}};
    assert_true(channel_send(&supervisor.channel, &joined));
    close(passed[1]);
    end_open(&gate, loop, fds[1], ROLE_GATE, ROLE_SUPERVISOR);
    turn(loop);
    assert_true(gate.last_fd >= 0);
    assert_int_equal(write(gate.last_fd, "x", 1), 1);
    char c;
    assert_int_equal(read(passed[0], &c, 1), 1);
    close(gate.last_fd);
    close(passed[0]);
    channel_fini(&supervisor.channel);
    channel_fini(&gate.channel);
    event_base_free(loop);
}

static void test_closing_inside_the_callback(void **state)
{
    (void)state;
    int fds[2];
    struct event_base *loop = event_base_new();
    struct end gate;
    struct end keeper;
    assert_int_equal(channel_pair(fds), 0);
    end_open(&gate, loop, fds[0], ROLE_GATE, ROLE_KEEPER);
    end_open(&keeper, loop, fds[1], ROLE_KEEPER, ROLE_GATE);
    keeper.close_on_message = true;
    for (uint64_t i = 1; i <= 3; i++) {
        struct message message = {.type = MESSAGE_login_failed, .login_failed = {.session = i}};
        assert_true(channel_send(&gate.channel, &message));
    }
    turn(loop);
    assert_int_equal(keeper.received, 1);
    assert_int_equal(keeper.closed, -1);
    assert_int_equal(gate.closed, CHANNEL_PEER_GONE);
    event_base_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_arrive_in_order_under_back_pressure),
        cmocka_unit_test(test_an_owner_with_much_to_send_is_told_when_to_go_on),
        cmocka_unit_test(test_a_peer_that_never_reads_is_given_up),
        cmocka_unit_test(test_what_may_not_pass_closes),
        cmocka_unit_test(test_descriptors_travel_even_from_the_queue),
        cmocka_unit_test(test_closing_inside_the_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
