/*
 * A list that is being sent to a command: what it holds is settled when it is made, and it goes out
 * row by row as the peer reads, since it may be longer than a channel may queue. Sessions that ended
 * meanwhile are left out.
 */
#ifndef POSTERN_KEEPER_LISTING_H
#define POSTERN_KEEPER_LISTING_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "channel/channel.h"
#include "keeper/devices.h"

struct keeper;
struct listing;

/* The devices of the login, or all when it is empty; by login, name and age. NULL without memory. */
struct listing *listing_of_devices(const struct devices *devices, struct span login) MUST_USE;

/* The live sessions of the login, or all when it is empty; by login and age. NULL without memory. */
struct listing *listing_of_sessions(const struct keeper *keeper, struct span login) MUST_USE;

/* The accounts of the login, or all when it is empty; by login. NULL without memory. */
struct listing *listing_of_accounts(const struct keeper *keeper, struct span login) MUST_USE;

/* Takes NULL. */
void listing_free(struct listing *listing);

/*
 * Sends rows while the channel takes them at once. True when all are sent and done after them; false:
 * call again when the channel has flushed.
 */
bool listing_send(struct listing *listing, struct channel *channel) MUST_USE;

#endif
