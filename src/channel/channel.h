/*
 * A channel is one end of a SOCK_SEQPACKET socket pair between two of our processes. It sends and
 * receives messages of schema.def, checks for each that this peer may send it to us, and never blocks:
 * what the socket does not take waits in a queue with a cap. A packet that does not decode, a message
 * that may not pass, a full queue or the peer's end closes the channel; the owner is told once and
 * says what that means for it.
 */
#ifndef POSTERN_CHANNEL_CHANNEL_H
#define POSTERN_CHANNEL_CHANNEL_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/attributes.h"
#include "channel/message.h"

enum {
    CHANNEL_QUEUE_MAX = 4 << 20, /* octets that wait for a slow peer before it is given up */
    CHANNEL_BURST = 64,          /* messages handled before the loop gets its turn */
    CHANNEL_SEND_MS = 10000,     /* for a peer to take a message that is sent blocking */
};

enum channel_end {
    CHANNEL_PEER_GONE,   /* orderly: the peer closed or died */
    CHANNEL_BAD_MESSAGE, /* it sent what it may not */
    CHANNEL_QUEUE_FULL,  /* it does not read */
    CHANNEL_ERROR,       /* the system refused */
};

const char *channel_end_text(enum channel_end end);

struct channel;
struct channel_packet;

/* Descriptors in message are closed after the call unless taken with take_fd. */
typedef void channel_message_fn(struct channel *channel, struct message *message, void *owner);

/* Called once; the channel is closed already. The owner may free it in here. */
typedef void channel_closed_fn(struct channel *channel, enum channel_end end, void *owner);

/*
 * Called from the loop when a queue has emptied: for an owner that has more to send than a queue may
 * hold, and sends while channel_is_flushed(). The owner may free the channel in here.
 */
typedef void channel_flushed_fn(struct channel *channel, void *owner);

struct channel {
    struct event readable;
    struct event writable;
    struct event_base *loop;
    int fd; /* -1: closed */
    enum role self;
    enum role peer;
    channel_message_fn *on_message;
    channel_closed_fn *on_closed;
    channel_flushed_fn *on_flushed; /* NULL, unless the owner sets it after channel_init */
    void *owner;
    struct channel_packet *queue_head;
    struct channel_packet **queue_tail;
    size_t queued_octets;
    bool *died; /* set when the channel is closed inside one of its own callbacks */
};

/* Takes over fd and starts reading. 0 or -errno (fd is closed then). */
int channel_init(struct channel *channel, struct event_base *loop, int fd, enum role self,
                 enum role peer, channel_message_fn *on_message, channel_closed_fn *on_closed,
                 void *owner) MUST_USE;

/* Closes without telling the owner. What waits in the queue is lost. May be called twice. */
void channel_fini(struct channel *channel);

/*
 * Sends, or queues, a copy. The caller keeps its descriptors (the kernel or the queue has
 * duplicates). False when the channel is closed or could not take it; if that closed it, on_closed
 * follows from the loop, never from inside this call.
 */
bool channel_send(struct channel *channel, const struct message *message);

static inline bool channel_is_open(const struct channel *channel)
{
    return channel->fd >= 0;
}

/* True when nothing waits to be sent. */
static inline bool channel_is_flushed(const struct channel *channel)
{
    return channel->queue_head == NULL;
}

/* A connected pair, close-on-exec, non-blocking. 0 or -errno. */
int channel_pair(int ret_fds[2]) MUST_USE;

/*
 * Blocking use, without a loop, for the command line and for the start of a role: sends one message,
 * or receives one within timeout_ms into packet (MESSAGE_PACKET_MAX octets, which the message's spans
 * point into). 0 or -errno; -ETIMEDOUT when the peer takes or
 * sends nothing in time, -EPROTO for what does not decode or may not pass, -EPIPE at the end.
 */
int channel_send_blocking(int fd, const struct message *message) MUST_USE;
int channel_receive_blocking(int fd, enum role self, enum role peer, int timeout_ms, uint8_t *packet,
                             struct message *ret_message) MUST_USE;

#endif
