/*
 * After the login: octets from the client to the backend and back, exactly as they are. One function
 * moves them for both directions; what one side can't take yet is kept (at most GATE_SCRATCH_SIZE)
 * and the other side is not read meanwhile. An idle relay holds two sockets, one TLS object and this
 * struct: no buffer, no timer.
 *
 * Where the backend has a command that gives up the login (UNAUTHENTICATE), and only there, the
 * client's commands are looked at for it (imap_guard.h).
 */
#ifndef POSTERN_GATE_RELAY_H
#define POSTERN_GATE_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/stream.h"
#include "base/reaper.h"
#include "gate/registry.h"
#include "protocol/imap_guard.h"

struct admission;
struct gate;
struct settings;

enum relay_end_reason {
    RELAY_CLIENT_CLOSED,
    RELAY_BACKEND_CLOSED,
    RELAY_CLIENT_FAILED,
    RELAY_BACKEND_FAILED,
    RELAY_IDLE,
    RELAY_KICKED,
    RELAY_REVOKED,
    RELAY_EXPIRED,
    RELAY_LIMIT, /* one too many of its user, found when it started */
    RELAY_REFUSED_COMMAND, /* the client tried to give up the login */
    RELAY_STOPPING,
    RELAY_DRAINED, /* another gate has taken this one's place, and the time is up */
    RELAY_NO_MEMORY,
};

/* One side: where it is read from, and what waits to be written to it. */
struct relay_side {
    struct stream stream;
    uint8_t *pending; /* owned; NULL when nothing waits */
    uint32_t pending_at;
    uint32_t pending_len;
    uint64_t received; /* octets read from this side */
    uint8_t wanted;    /* STREAM_READ, STREAM_WRITE: what it waits for next */
    bool has_ended;    /* it closed its direction in an orderly way */
};

struct relay {
    struct registered registered; /* by the session's number */
    TAILQ_ENTRY(relay) link;      /* in relays, least recently active first */
    struct gate *gate;
    struct settings *settings;   /* counted */
    struct admission *admission; /* owned */
    struct relay_side client;
    struct relay_side backend;
    struct imap_guard guard;
    uint64_t active_ms; /* monotonic */
    bool is_guarded;
    bool is_over;
    struct grave grave;
};

/* All relays of a gate, and the one timer that finds the idle ones. */
struct relays {
    TAILQ_HEAD(relay_list, relay) list;
    struct event sweep;
    uint64_t checked_ms; /* monotonic: when certificates were last looked at */
};

void relays_init(struct relays *relays, struct gate *gate);

/* Ends all relays. */
void relays_end_all(struct relays *relays);

/* The same, and stops looking for idle ones. */
void relays_fini(struct relays *relays);

/* What a relay begins with. */
struct relay_start {
    struct settings *settings;       /* the relay takes a reference */
    struct admission *admission;     /* taken over */
    struct stream *client;           /* moved away */
    struct stream *backend;          /* moved away */
    struct span to_client;           /* first octets for the client: the login's answer */
    struct span to_backend;          /* what the client had sent behind its login */
    bool is_guarded;                 /* the backend has UNAUTHENTICATE */
};

/* Starts relaying; the relay may be over when this returns. False when memory is out: nothing is
 * taken over then. */
bool relay_start(struct gate *gate, const struct relay_start *start) MUST_USE;

/* Ends it now: closes both sides, tells keeper and log. Freed between events. */
void relay_end(struct relay *relay, enum relay_end_reason reason);

/* Ends the sessions whose certificate has ended or is revoked by the settings' lists. */
void relays_check_certificates(struct relays *relays, const struct settings *settings);

/* The reason that a session_close message names. */
enum relay_end_reason relay_end_of(struct span reason);

#endif
