/* Sends and receives messages between our processes; see channel.h. */
#include "channel/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/invariant.h"

/* A packet that waits for the peer to read. */
struct channel_packet {
    struct channel_packet *next;
    size_t len;
    size_t fd_count;
    int fds[MESSAGE_FDS_MAX]; /* duplicates, ours */
    uint8_t octets[];
};

const char *channel_end_text(enum channel_end end)
{
    switch (end) {
    case CHANNEL_PEER_GONE:
        return "peer gone";
    case CHANNEL_BAD_MESSAGE:
        return "bad message";
    case CHANNEL_QUEUE_FULL:
        return "peer does not read";
    case CHANNEL_ERROR:
        return "system error";
    }
    return "unknown";
}

static void channel_packet_free(struct channel_packet *packet)
{
    for (size_t i = 0; i < packet->fd_count; i++)
        (void)close(packet->fds[i]);
    explicit_bzero(packet->octets, packet->len);
    free(packet);
}

void channel_fini(struct channel *channel)
{
    if (channel->fd < 0)
        return;
    (void)event_del(&channel->readable);
    (void)event_del(&channel->writable);
    while (channel->queue_head != NULL) {
        struct channel_packet *packet = channel->queue_head;
        channel->queue_head = packet->next;
        channel_packet_free(packet);
    }
    channel->queue_tail = &channel->queue_head;
    channel->queued_octets = 0;
    (void)close(channel->fd);
    channel->fd = -1;
    if (channel->died != NULL)
        *channel->died = true;
}

/* Closes and tells the owner. The channel may be gone when this returns. */
static void channel_end(struct channel *channel, enum channel_end end)
{
    channel_closed_fn *on_closed = channel->on_closed;
    void *owner = channel->owner;
    channel_fini(channel);
    on_closed(channel, end, owner);
}

/* One sendmsg. 0, or -errno with nothing sent. */
static int channel_transmit(int fd, struct span octets, const int *fds, size_t fd_count, int flags)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } control = {.space = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)octets.at, .iov_len = octets.len};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        invariant(rights != NULL);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
    }
    while (sendmsg(fd, &header, flags | MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* What one recvmsg brought. */
struct channel_arrival {
    size_t len;
    size_t fd_count;
    int fds[MESSAGE_FDS_MAX + 1]; /* room to notice one too many */
};

static void channel_arrival_close_fds(const struct channel_arrival *arrival)
{
    for (size_t i = 0; i < arrival->fd_count; i++)
        (void)close(arrival->fds[i]);
}

/* One recvmsg. 0 with len 0 at the peer's end; -errno; -EPROTO for a truncated packet. */
static int channel_obtain(int fd, uint8_t *packet, struct channel_arrival *ret_arrival)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * (MESSAGE_FDS_MAX + 1))];
    } control;
    struct iovec part = {.iov_base = packet, .iov_len = MESSAGE_PACKET_MAX};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    struct channel_arrival arrival = {.len = 0};
    ssize_t got;
    do
        got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&header); part_of != NULL;
         part_of = CMSG_NXTHDR(&header, part_of)) {
        if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && arrival.fd_count < MESSAGE_FDS_MAX + 1; i++)
            memcpy(&arrival.fds[arrival.fd_count++], CMSG_DATA(part_of) + i * sizeof(int),
                   sizeof(int));
    }
    if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        channel_arrival_close_fds(&arrival);
        return -EPROTO;
    }
    arrival.len = (size_t)got;
    *ret_arrival = arrival;
    return 0;
}

/* Decodes an arrival that must be allowed to pass; on failure its descriptors are closed. */
static bool channel_decode(const struct channel_arrival *arrival, const uint8_t *packet,
                           enum role self, enum role peer, struct message *ret_message)
{
    if (!message_decode(span_make(packet, arrival->len), arrival->fds, arrival->fd_count,
                        ret_message)) {
        channel_arrival_close_fds(arrival);
        return false;
    }
    if (!message_may_pass(ret_message->type, peer, self)) {
        message_close_fds(ret_message);
        return false;
    }
    return true;
}

/* Receives and hands on one message. False when the loop must stop: nothing there, or closed. */
static bool channel_receive_one(struct channel *channel)
{
    uint8_t packet[MESSAGE_PACKET_MAX] UNINITIALIZED;
    struct channel_arrival arrival;
    struct message message;
    int result = channel_obtain(channel->fd, packet, &arrival);
    if (result == -EAGAIN)
        return false;
    if (result < 0 || arrival.len == 0) {
        channel_end(channel, result == 0           ? CHANNEL_PEER_GONE
                             : result == -EPROTO   ? CHANNEL_BAD_MESSAGE
                             : result == -ECONNRESET ? CHANNEL_PEER_GONE
                                                   : CHANNEL_ERROR);
        return false;
    }
    if (!channel_decode(&arrival, packet, channel->self, channel->peer, &message)) {
        channel_end(channel, CHANNEL_BAD_MESSAGE);
        return false;
    }
    bool died = false;
    channel->died = &died;
    channel->on_message(channel, &message, channel->owner);
    message_close_fds(&message);
    if (message_has_secret(message.type))
        explicit_bzero(packet, arrival.len);
    if (died)
        return false;
    channel->died = NULL;
    return true;
}

static void channel_on_readable(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    for (int i = 0; i < CHANNEL_BURST; i++)
        if (!channel_receive_one(argument))
            return;
}

/* Sends what waits. Also the place where a failed channel_send tells the owner, from the loop. */
static void channel_on_writable(evutil_socket_t fd, short what, void *argument)
{
    struct channel *channel = argument;
    (void)fd;
    (void)what;
    if (channel->queued_octets > CHANNEL_QUEUE_MAX) {
        channel_end(channel, CHANNEL_QUEUE_FULL);
        return;
    }
    while (channel->queue_head != NULL) {
        struct channel_packet *packet = channel->queue_head;
        int result = channel_transmit(channel->fd, span_make(packet->octets, packet->len),
                                      packet->fds, packet->fd_count, MSG_DONTWAIT);
        if (result == -EAGAIN)
            return;
        if (result < 0) {
            channel_end(channel, result == -EPIPE || result == -ECONNRESET ? CHANNEL_PEER_GONE
                                                                           : CHANNEL_ERROR);
            return;
        }
        channel->queue_head = packet->next;
        if (channel->queue_head == NULL)
            channel->queue_tail = &channel->queue_head;
        channel->queued_octets -= packet->len;
        channel_packet_free(packet);
    }
    (void)event_del(&channel->writable);
    if (channel->on_flushed != NULL)
        channel->on_flushed(channel, channel->owner);
}

/* Puts a copy at the end of the queue; its descriptors are duplicated. */
static bool channel_enqueue(struct channel *channel, struct span octets, const int *fds,
                            size_t fd_count)
{
    struct channel_packet *packet = malloc(sizeof *packet + octets.len);
    if (packet == NULL)
        return false;
    *packet = (struct channel_packet){.len = octets.len};
    memcpy(packet->octets, octets.at, octets.len);
    for (size_t i = 0; i < fd_count; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            channel_packet_free(packet);
            return false;
        }
        packet->fds[packet->fd_count++] = copy;
    }
    *channel->queue_tail = packet;
    channel->queue_tail = &packet->next;
    channel->queued_octets += packet->len;
    if (event_add(&channel->writable, NULL) != 0 || channel->queued_octets > CHANNEL_QUEUE_MAX)
        event_active(&channel->writable, EV_WRITE, 0);
    return true;
}

bool channel_send(struct channel *channel, const struct message *message)
{
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count = 0;
    auto_strbuf_wipe struct strbuf packet = STRBUF(MESSAGE_PACKET_MAX);
    if (!channel_is_open(channel) || channel->queued_octets > CHANNEL_QUEUE_MAX)
        return false;
    invariant(message_may_pass(message->type, channel->self, channel->peer));
    if (!message_encode(message, &packet, fds, &fd_count))
        return false;
    if (channel->queue_head == NULL) {
        int result = channel_transmit(channel->fd, strbuf_span(&packet), fds, fd_count, MSG_DONTWAIT);
        if (result == 0)
            return true;
        if (result == -EPIPE || result == -ECONNRESET)
            return false; /* reading finds the end, and on_closed follows */
    }
    return channel_enqueue(channel, strbuf_span(&packet), fds, fd_count);
}

int channel_init(struct channel *channel, struct event_base *loop, int fd, enum role self,
                 enum role peer, channel_message_fn *on_message, channel_closed_fn *on_closed,
                 void *owner)
{
    *channel = (struct channel){.loop = loop,
                                .fd = fd,
                                .self = self,
                                .peer = peer,
                                .on_message = on_message,
                                .on_closed = on_closed,
                                .owner = owner,
                                .queue_tail = &channel->queue_head};
    if (evutil_make_socket_nonblocking(fd) != 0 ||
        event_assign(&channel->readable, loop, fd, EV_READ | EV_PERSIST, channel_on_readable,
                     channel) != 0 ||
        event_assign(&channel->writable, loop, fd, EV_WRITE | EV_PERSIST, channel_on_writable,
                     channel) != 0 ||
        event_add(&channel->readable, NULL) != 0) {
        int error = errno == 0 ? EIO : errno;
        (void)close(fd);
        channel->fd = -1;
        return -error;
    }
    return 0;
}

int channel_pair(int ret_fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) != 0)
        return -errno;
    return 0;
}

int channel_send_blocking(int fd, const struct message *message)
{
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count = 0;
    auto_strbuf_wipe struct strbuf packet = STRBUF(MESSAGE_PACKET_MAX);
    if (!message_encode(message, &packet, fds, &fd_count))
        return -EMSGSIZE;
    for (;;) {
        int result = channel_transmit(fd, strbuf_span(&packet), fds, fd_count, 0);
        if (result != -EAGAIN)
            return result;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        int ready = poll(&wait, 1, CHANNEL_SEND_MS);
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR)
            return -errno;
    }
}

int channel_receive_blocking(int fd, enum role self, enum role peer, int timeout_ms, uint8_t *packet,
                             struct message *ret_message)
{
    uint64_t deadline = clock_monotonic_ms() + (uint64_t)timeout_ms;
    struct channel_arrival arrival;
    arrival.len = 0;
    for (;;) {
        uint64_t now = clock_monotonic_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = poll(&wait, 1, now >= deadline ? 0 : (int)(deadline - now));
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR)
            return -errno;
        int result = ready < 0 ? -EAGAIN : channel_obtain(fd, packet, &arrival);
        if (result == -EAGAIN)
            continue;
        if (result < 0)
            return result;
        break;
    }
    if (arrival.len == 0)
        return -EPIPE;
    return channel_decode(&arrival, packet, self, peer, ret_message) ? 0 : -EPROTO;
}
