/* What every role does when its channel to the supervisor ends. */
#ifndef POSTERN_ROLE_SUPERVISOR_GONE_H
#define POSTERN_ROLE_SUPERVISOR_GONE_H

#include "channel/channel.h"

/*
 * Ends the loop: without its supervisor nobody would join a role to the others, or tell it of a
 * configuration. Recorded where the channel broke otherwise than by the supervisor's going.
 */
void role_supervisor_gone(struct event_base *loop, enum channel_end end);

#endif
