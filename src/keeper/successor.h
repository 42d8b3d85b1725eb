/*
 * A keeper whose place another takes, after an upgrade. It lets go of the store and the control socket
 * and stays for the gates of its own release: it answers them from memory, and tells the new one of
 * their sessions, which can then be listed and closed there like all others. To the new keeper it is
 * one more gate.
 */
#ifndef POSTERN_KEEPER_SUCCESSOR_H
#define POSTERN_KEEPER_SUCCESSOR_H

#include <stdint.h>

#include "base/span.h"
#include "keeper/sessions.h"

struct keeper;

/* Lets go, and tells the supervisor. release: the one that comes. */
void successor_hand_over(struct keeper *keeper, struct span release);

/* Takes over the channel to the (new) successor and announces every session there. */
void successor_join(struct keeper *keeper, int fd);

/* A session of ours lives now, or is over. Nothing, while there is no successor. */
void successor_note_session(struct keeper *keeper, const struct session *session);
void successor_note_end(struct keeper *keeper, uint64_t id);

#endif
