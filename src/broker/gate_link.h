/*
 * The broker's end of one gate: two channels. On the one the gate waits for signatures and does
 * nothing else meanwhile; the other is for all that may take its time.
 */
#ifndef POSTERN_BROKER_GATE_LINK_H
#define POSTERN_BROKER_GATE_LINK_H

#include <stdint.h>

#include "broker/impersonate.h"
#include "channel/channel.h"

struct broker;

struct gate_link {
    struct channel channel;
    struct channel signing;
    struct broker *broker;
    uint32_t number;
    struct master_login_list logins; /* that it waits for; at most MASTER_LOGINS_MAX */
    uint32_t login_count;
};

/*
 * Takes over the channels of the gate with that number. A link that the number had before is closed:
 * its gate is gone.
 */
void gate_link_join(struct broker *broker, uint32_t number, int channel_fd, int signing_fd);

/* Gives the gate the keys of its session tickets. */
void gate_link_send_ticket_keys(struct gate_link *link);

/* Takes NULL. */
void gate_link_free(struct gate_link *link);

#endif
