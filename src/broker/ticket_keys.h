/*
 * The keys of the gates' session tickets: made here, so that all gates have the same, kept in memory
 * only, and replaced twice a day; tickets of the former one are still taken. A new broker makes new
 * ones: tickets of before it then mean a full handshake, and nothing else.
 */
#ifndef POSTERN_BROKER_TICKET_KEYS_H
#define POSTERN_BROKER_TICKET_KEYS_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "channel/channel.h"

enum { TICKET_NAME_SIZE = 16, TICKET_SECRET_SIZE = 32, TICKET_KEYS_EVERY_S = 12 * 60 * 60 };

struct ticket_key {
    uint8_t name[TICKET_NAME_SIZE];
    uint8_t secret[TICKET_SECRET_SIZE];
};

typedef void ticket_keys_made_fn(void *owner);

struct ticket_keys {
    struct ticket_key current;
    struct ticket_key former;
    bool has_former;
    struct event rotation;
    ticket_keys_made_fn *made;
    void *owner;
};

/* Makes the first key, and another each TICKET_KEYS_EVERY_S, of which made tells. 0 or -errno. */
int ticket_keys_init(struct ticket_keys *keys, struct event_base *loop, ticket_keys_made_fn *made,
                     void *owner) MUST_USE;

/* Wipes them. */
void ticket_keys_fini(struct ticket_keys *keys);

/* The current key becomes the former, and a new one the current. 0, or -errno with nothing changed. */
int ticket_keys_rotate(struct ticket_keys *keys) MUST_USE;

/* Fills the message that gives them to a gate; it points into keys. */
void ticket_keys_print(const struct ticket_keys *keys, struct message *ret_message);

#endif
