/*
 * The gate's side of its channel to the keeper: asks for admissions, reports what became of them, and
 * passes the keeper's orders on. While the keeper is away, logins are "temporarily unavailable" and
 * relays go on; a new keeper is told of every live session.
 */
#ifndef POSTERN_GATE_KEEPER_LINK_H
#define POSTERN_GATE_KEEPER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/channel.h"

struct admission;
struct gate;

struct keeper_link {
    struct channel channel; /* fd -1 while there is no keeper */
};

/* No keeper yet. */
void keeper_link_init(struct keeper_link *link);
void keeper_link_fini(struct keeper_link *link);

/* Takes over the channel to a (new) keeper and announces the live sessions. */
void keeper_link_join(struct gate *gate, int fd);

/* Asks; the answer comes to login_on_answer(). False when there is nobody to ask. */
bool keeper_link_ask(struct gate *gate, const struct admission *admission) MUST_USE;

/* Tells of a session that the keeper did not allow itself; is_live: the backend let it in. */
void keeper_link_announce(struct gate *gate, const struct admission *admission, bool is_live);

/* For the keeper's journal. False while the channel is not free: nothing waits in its queue. */
bool keeper_link_note(struct gate *gate, const struct message_journal_add *note) MUST_USE;

/* What became of an asked session. Lost without harm when the keeper is away. */
void keeper_link_tell(struct gate *gate, enum message_type type, uint64_t session);

#endif
