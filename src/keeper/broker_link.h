/* The keeper's end of its channel to the broker. */
#ifndef POSTERN_KEEPER_BROKER_LINK_H
#define POSTERN_KEEPER_BROKER_LINK_H

#include "channel/channel.h"

struct keeper;

/* Takes over the channel to a (new) broker. */
void broker_link_join(struct keeper *keeper, int fd);

#endif
