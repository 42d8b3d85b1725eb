/*
 * The keeper's end of one gate: answers its logins, follows its sessions, tells it which to close.
 */
#ifndef POSTERN_KEEPER_GATE_LINK_H
#define POSTERN_KEEPER_GATE_LINK_H

#include <stdint.h>

#include "channel/channel.h"
#include "keeper/sessions.h"

struct keeper;

struct gate_link {
    struct channel channel;
    struct keeper *keeper;
    uint32_t number;
};

/*
 * Takes over the channel of the gate with that number. A link that the number had before is closed:
 * its gate is gone, and so are its sessions.
 */
void gate_link_join(struct keeper *keeper, uint32_t number, int fd);

/* Closes, and forgets the gate's sessions. Takes NULL. */
void gate_link_free(struct gate_link *link);

/* Tells the session's gate to close it, once. reason is one of those that schema.def lists. */
void gate_link_close_session(struct keeper *keeper, struct session *session, const char *reason);

#endif
