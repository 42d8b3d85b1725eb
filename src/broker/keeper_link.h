/* The broker's end of its channel to the keeper: asks whether a device was revoked. */
#ifndef POSTERN_BROKER_KEEPER_LINK_H
#define POSTERN_BROKER_KEEPER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "channel/channel.h"

struct broker;

struct keeper_link {
    struct channel channel; /* fd -1 while there is no keeper */
};

/* No keeper yet. */
void keeper_link_init(struct keeper_link *link);
void keeper_link_fini(struct keeper_link *link);

/* Takes over the channel to a (new) keeper. */
void keeper_link_join(struct broker *broker, int fd);

/*
 * Asks about the certificate of that fingerprint (32 octets); the answer comes to
 * impersonate_on_device(). False when there is nobody to ask.
 */
bool keeper_link_ask(struct keeper_link *link, uint64_t number, const uint8_t *fingerprint) MUST_USE;

#endif
