/*
 * From a session's number to the session, for the keeper's answers and orders. Holds what it is given
 * by an entry embedded there.
 */
#ifndef POSTERN_GATE_REGISTRY_H
#define POSTERN_GATE_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

enum registered_kind {
    REGISTERED_SESSION, /* before login: struct session */
    REGISTERED_RELAY,   /* live: struct relay */
};

struct registered {
    struct hash_link by_id;
    uint64_t id;
    enum registered_kind kind;
};

/* Numbers are counted up by the gate itself: they are their own hash. id must be new. */
static inline void registry_add(struct hash_table *registry, struct registered *entry, uint64_t id,
                                enum registered_kind kind)
{
    entry->id = id;
    entry->kind = kind;
    hash_table_insert(registry, &entry->by_id, id);
}

static inline void registry_remove(struct hash_table *registry, struct registered *entry)
{
    hash_table_remove(registry, &entry->by_id);
}

/* NULL when there is none of that number. */
static inline struct registered *registry_find(const struct hash_table *registry, uint64_t id)
{
    return hash_holder(hash_table_first(registry, id), struct registered, by_id);
}

#endif
