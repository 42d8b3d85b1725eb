/*
 * Hash tables whose links live inside the things that they find (intrusive), and the keyed hash that
 * they need: keys come from the network, so an unkeyed hash would let a stranger choose collisions.
 * A table owns its buckets and nothing else; whoever frees a thing removes its link first.
 */
#ifndef POSTERN_BASE_HASH_H
#define POSTERN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

/* SipHash's key: drawn once a process. */
struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* Draws a key from the kernel. 0 or -errno. */
int hash_key_draw(struct hash_key *ret_key) MUST_USE;

/* SipHash-2-4 of the octets. */
uint64_t hash_span(const struct hash_key *key, struct span bytes);

struct hash_link {
    struct hash_link *next;
    struct hash_link **before; /* what points here; NULL: in no table */
    uint64_t hash;
};

struct hash_table {
    struct hash_link **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
};

/* 0 or -ENOMEM. */
int hash_table_init(struct hash_table *table) MUST_USE;

/* Frees the buckets; links that are still in them are forgotten, not touched. */
void hash_table_fini(struct hash_table *table);

/*
 * Puts a link in under its hash, before others of the same hash. Never fails: without memory to grow
 * the chains get longer. Equal keys are the caller's business.
 */
void hash_table_insert(struct hash_table *table, struct hash_link *link, uint64_t hash);

/* Takes a link out in constant time; one that is in no table is left alone. */
void hash_table_remove(struct hash_table *table, struct hash_link *link);

/* The first link with that hash, and the next one after it; NULL at the end. */
struct hash_link *hash_table_first(const struct hash_table *table, uint64_t hash);
struct hash_link *hash_table_next(const struct hash_link *link);

/* The thing that holds the link as its member; NULL for NULL. */
#define hash_holder(link, type, member)                                                            \
    (__extension__({                                                                               \
        struct hash_link *held_link = (link);                                                      \
        held_link == NULL ? NULL                                                                   \
                          : (type *)(void *)((char *)held_link - offsetof(type, member));          \
    }))

#endif
