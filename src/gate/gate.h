/*
 * The gate process: one a core. It accepts connections, puts TLS on them, speaks each protocol up to
 * the login, has the backend check it, and then relays. This is what its parts share.
 *
 * A connection's way: listener.c → session.c → session_tls.c → imap_session.c → login.c →
 * keeper_link.c and backend_login.c → relay.c.
 */
#ifndef POSTERN_GATE_GATE_H
#define POSTERN_GATE_GATE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "channel/channel.h"
#include "backend/health.h"
#include "gate/broker_link.h"
#include "gate/census.h"
#include "gate/drain.h"
#include "gate/keeper_link.h"
#include "base/reaper.h"
#include "gate/registry.h"
#include "gate/relay.h"
#include "gate/settings.h"
#include "gate/tally.h"
#include "gate/tls_provider.h"
#include "gate/tickets.h"

enum { GATE_SCRATCH_SIZE = 65536 /* one read from a socket; used within one event only */ };

struct session;
TAILQ_HEAD(session_list, session);

struct gate {
    struct event_base *loop;
    int number;
    struct channel supervisor;
    struct settings *settings; /* in force; NULL before the first commit */
    struct settings *draft;    /* being received; NULL outside a configuration */
    struct keeper_link keeper;
    struct ticket_keys ticket_keys; /* none while the broker is away */
    struct broker_link broker;
    struct tls_provider tls_provider; /* of keys that the broker holds */
    struct hash_table registry; /* of struct registered, by session number */
    struct reaper reaper;
    struct census addresses;
    struct census prefixes;
    struct stranger_list strangers; /* of all places, oldest first */
    struct session_list sessions;   /* before login */
    uint32_t connections;           /* sessions and relays together */
    uint32_t connections_max;       /* by descriptors; the setting may be lower */
    struct relays relays;
    struct health health;
    uint64_t next_id;
    bool is_finishing;
    struct drain drain;
    struct tally tally;             /* of what happens again and again */
    struct event tally_timer;
    struct hash_key login_key; /* of the hash that stands for a failed login's name in the log */
    uint8_t scratch[GATE_SCRATCH_SIZE];
};

/* Makes the parts; ends the process with a sentence when the machine refuses. fd: the channel. */
void gate_init(struct gate *gate, struct event_base *loop, int number, int fd);

/* Ends every connection and frees what gate_init made. */
void gate_fini(struct gate *gate);

/* A number for a session that none of our gates has used. */
uint64_t gate_new_id(struct gate *gate);

/* A connection of ours is over: ends the process when the gate is finishing and this was the last. */
void gate_connection_ended(struct gate *gate);

#endif
