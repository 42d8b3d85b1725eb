/*
 * The gate's side of its channel to the broker, for all that may take its time. Signatures, for which
 * a handshake waits, have a channel of their own.
 */
#ifndef POSTERN_GATE_BROKER_LINK_H
#define POSTERN_GATE_BROKER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/channel.h"
#include "gate/master_login.h"
#include "gate/signer.h"

struct gate;

struct broker_link {
    struct channel channel; /* fd -1 while there is no broker */
    struct signer signer;
    uint64_t left_ms; /* since when there is none, monotonic */
    struct master_logins logins;
};

/* No broker yet. */
void broker_link_init(struct broker_link *link);
void broker_link_fini(struct broker_link *link);

/*
 * Whether there is no broker and the supervisor can be expected to start one within the moment: whoever
 * connects now is better left waiting than told that TLS fails.
 */
bool broker_link_is_awaited(const struct broker_link *link, uint64_t now_ms);

/* Takes over the channels to a (new) broker. */
void broker_link_join(struct gate *gate, int fd, int signing_fd);

#endif
