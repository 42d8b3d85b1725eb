/*
 * The listening sockets. For each address of each listener every gate has a socket of its own in
 * one SO_REUSEPORT group. The supervisor keeps them open while it runs: a connection that comes
 * while its gate is being restarted waits in the backlog and is taken by the new one.
 *
 * An address whose socket the service manager opened has that one only, and all gates accept from it:
 * a socket of ours beside it would be closed, with who waits there, when this process ends, and it is
 * for those that the other one exists. So nothing chooses a gate there.
 */
#ifndef POSTERN_SUPERVISOR_DOORS_H
#define POSTERN_SUPERVISOR_DOORS_H

#include "base/attributes.h"
#include "base/strbuf.h"
#include "config/config.h"
#include "supervisor/inherited.h"

enum { DOOR_GATES_MAX = 64 };

struct door {
    const struct config_listener *listener; /* the configuration's */
    const char *address;                    /* as it stands there */
    struct endpoint endpoint;
    bool is_shared;              /* one socket of the service manager for all */
    int sockets[DOOR_GATES_MAX]; /* one a gate, in the order of the group */
};

struct doors {
    struct door *at;
    size_t count;
    unsigned gates;
    uint32_t seed; /* of the choice of a gate; the same for as long as the supervisor runs */
};

/*
 * Opens what the configuration listens on. An address that is open in running (may be NULL) or was
 * inherited is taken over from there, with what waits in its backlog; both then own it. False with a
 * sentence in problem.
 */
bool doors_open(struct doors *doors, const struct config *config, unsigned gates,
                const struct doors *running, struct inherited *inherited,
                struct strbuf *problem) MUST_USE;

/* Puts the configuration's choice of gates in force on sockets that were taken over. */
void doors_steer(const struct doors *doors, const struct config *config);

/* Closes them; what another struct doors took over stays open there. */
void doors_fini(struct doors *doors);

#endif
