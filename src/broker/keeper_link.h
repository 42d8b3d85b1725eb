/* The broker's end of its channel to the keeper. */
#ifndef POSTERN_BROKER_KEEPER_LINK_H
#define POSTERN_BROKER_KEEPER_LINK_H

#include "channel/channel.h"

struct keeper_link {
    struct channel channel; /* fd -1 while there is no keeper */
};

/* No keeper yet. */
void keeper_link_init(struct keeper_link *link);
void keeper_link_fini(struct keeper_link *link);

/* Takes over the channel to a (new) keeper. */
void keeper_link_join(struct keeper_link *link, struct event_base *loop, int fd);

#endif
