/* Accepts people's commands and answers them; what they mean is in commands.c. See control.h. */
#include "keeper/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "keeper/commands.h"
#include "keeper/keeper.h"
#include "keeper/listing.h"

enum { CONTROL_PAUSE_MS = 500, CONTROL_ACCEPTS_MAX = 16, CONTROL_DRAINS_MAX = 4 };

/* --- Clients ---------------------------------------------------------------------------------- */

static void client_free(struct control_client *client)
{
    client->keeper->control.client_count--;
    LIST_REMOVE(client, link);
    (void)event_del(&client->silence);
    channel_fini(&client->channel);
    listing_free(client->listing);
    free(client);
}

static void client_rearm(struct control_client *client)
{
    const struct timeval after = {.tv_sec = CONTROL_SILENCE_S};
    (void)event_add(&client->silence, &after);
}

static void client_on_silence(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    client_free(owner);
}

/* Sends as much of the list as the client takes; the rest when it has read. */
static void client_send_list(struct control_client *client)
{
    if (client->listing == NULL || !listing_send(client->listing, &client->channel))
        return;
    listing_free(client->listing);
    client->listing = NULL;
}

static void client_on_flushed(struct channel *channel, void *owner)
{
    (void)channel;
    client_rearm(owner);
    client_send_list(owner);
}

static void client_log_closed(const struct control_client *client, const char *reason)
{
    struct log_record record;
    log_begin(&record, LOG_WARNING, "control_closed");
    log_number(&record, "peer_uid", client->uid);
    log_text(&record, "reason", reason);
    log_end(&record);
}

/* A command while a list is under way would be answered in its midst: no command of ours does that. */
static void client_on_message(struct channel *channel, struct message *message, void *owner)
{
    struct control_client *client = owner;
    (void)channel;
    if (client->listing != NULL) {
        client_log_closed(client, "a command inside an answer");
        client_free(client);
        return;
    }
    client_rearm(client);
    command_run(client, message);
}

static void client_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    (void)channel;
    if (end != CHANNEL_PEER_GONE)
        client_log_closed(owner, channel_end_text(end));
    client_free(owner);
}

void control_client_done(struct control_client *client, uint64_t count)
{
    struct message message = {.type = MESSAGE_done, .done = {.count = count}};
    (void)channel_send(&client->channel, &message);
}

void control_client_fail(struct control_client *client, const char *sentence)
{
    struct message message = {.type = MESSAGE_failed,
                              .failed = {.text = span_first(span_of(sentence), 512)}};
    (void)channel_send(&client->channel, &message);
}

void control_client_list(struct control_client *client, struct listing *listing)
{
    client->listing = listing;
    client_send_list(client);
}

/* --- Accepting -------------------------------------------------------------------------------- */

static bool control_may_speak(const struct control *control, uid_t uid)
{
    const struct setup_configuration *setup = &control->keeper->setup.current;
    if (uid == 0 || uid == control->keeper->starter)
        return true;
    for (size_t i = 0; i < setup->operator_count; i++)
        if (setup->operators[i] == uid)
            return true;
    return false;
}

/* A stranger can knock as often as it likes: its knocks are one record a minute. */
static void control_log_refusal(struct control *control, uid_t uid, const char *reason)
{
    uint64_t now_ms = clock_monotonic_ms();
    control->refusals++;
    if (control->refusals_logged_ms != 0 &&
        now_ms - control->refusals_logged_ms < CONTROL_REFUSALS_LOG_S * UINT64_C(1000))
        return;
    struct log_record record;
    log_begin(&record, LOG_WARNING, "control_refused");
    log_number(&record, "peer_uid", uid);
    log_text(&record, "reason", reason);
    log_number(&record, "count", control->refusals);
    log_end(&record);
    control->refusals = 0;
    control->refusals_logged_ms = now_ms;
}

/* Reads and forgets what the peer has sent already: unread at the close, it would void our reply. */
static void control_drain(int fd)
{
    uint8_t octets[16];
    struct iovec part = {.iov_base = octets, .iov_len = sizeof octets};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    for (int i = 0; i < CONTROL_DRAINS_MAX; i++)
        if (recvmsg(fd, &header, MSG_DONTWAIT) <= 0)
            return;
}

/* Says why; the caller closes. */
static void control_refuse(struct control *control, int fd, uid_t uid, const char *sentence)
{
    struct message message = {.type = MESSAGE_failed, .failed = {.text = span_of(sentence)}};
    control_log_refusal(control, uid, sentence);
    control_drain(fd);
    int ignored_result = channel_send_blocking(fd, &message);
    (void)ignored_result;
}

/* Takes over fd. */
static int control_admit(struct control *control, int fd, uid_t uid)
{
    struct control_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    *client = (struct control_client){.keeper = control->keeper, .uid = uid};
    int result = channel_init(&client->channel, control->keeper->loop, fd, ROLE_KEEPER, ROLE_COMMAND,
                              client_on_message, client_on_closed, client);
    if (result < 0) {
        free(client);
        return result;
    }
    client->channel.on_flushed = client_on_flushed;
    LIST_INSERT_HEAD(&control->clients, client, link);
    control->client_count++;
    (void)evtimer_assign(&client->silence, control->keeper->loop, client_on_silence, client);
    client_rearm(client);
    return 0;
}

static void control_meet(struct control *control, int fd)
{
    auto_close int owned = fd;
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return;
    if (!control_may_speak(control, peer.uid))
        control_refuse(control, fd, peer.uid,
                       "this user may not command Postern: root may, and who stands in operators");
    else if (control->client_count >= CONTROL_CLIENTS_MAX)
        control_refuse(control, fd, peer.uid, "too many commands at once: try again");
    else
        (void)control_admit(control, take_fd(&owned), peer.uid);
}

/* Out of descriptors or memory: the socket stays readable, so accepting rests a moment. */
static void control_rest(struct control *control)
{
    const struct timeval after = {.tv_usec = CONTROL_PAUSE_MS * 1000L};
    (void)event_del(&control->acceptable);
    (void)event_add(&control->pause, &after);
}

static void control_on_pause_over(evutil_socket_t fd, short what, void *owner)
{
    struct control *control = owner;
    (void)fd;
    (void)what;
    if (control->listen_fd >= 0)
        (void)event_add(&control->acceptable, NULL);
}

static void control_on_acceptable(evutil_socket_t fd, short what, void *owner)
{
    struct control *control = owner;
    (void)what;
    for (int i = 0; i < CONTROL_ACCEPTS_MAX; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0)
            control_meet(control, client);
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR && errno != ECONNABORTED) {
            control_rest(control);
            return;
        }
    }
}

int control_listen(struct control *control, int fd)
{
    auto_close int owned = fd;
    if (evutil_make_socket_nonblocking(owned) != 0)
        return -errno;
    control_stop(control);
    if (event_assign(&control->acceptable, control->keeper->loop, owned, EV_READ | EV_PERSIST,
                     control_on_acceptable, control) != 0 ||
        event_add(&control->acceptable, NULL) != 0)
        return -EIO;
    control->listen_fd = take_fd(&owned);
    return 0;
}

void control_init(struct control *control, struct keeper *keeper)
{
    *control = (struct control){.keeper = keeper, .listen_fd = -1};
    (void)evtimer_assign(&control->pause, keeper->loop, control_on_pause_over, control);
}

void control_stop(struct control *control)
{
    if (control->listen_fd < 0)
        return;
    (void)event_del(&control->acceptable);
    (void)event_del(&control->pause);
    (void)close(take_fd(&control->listen_fd));
}

void control_fini(struct control *control)
{
    control_stop(control);
    struct control_client *client = LIST_FIRST(&control->clients);
    while (client != NULL) {
        struct control_client *next = LIST_NEXT(client, link);
        client_free(client);
        client = next;
    }
}
