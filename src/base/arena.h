/*
 * An arena hands out memory that is freed all at once: the texts of a configuration, the pieces of a
 * connection. It has a cap, since what fills it may come from outside.
 */
#ifndef POSTERN_BASE_ARENA_H
#define POSTERN_BASE_ARENA_H

#include <stddef.h>

#include "base/attributes.h"
#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t taken;               /* octets handed out */
    size_t cap;
};

void arena_init(struct arena *arena, size_t cap);

/* Frees all that was handed out. */
void arena_fini(struct arena *arena);

/* Zeroed memory, aligned for any type; NULL when the cap is reached or memory is out. */
void *arena_alloc(struct arena *arena, size_t count, size_t size) MUST_USE;

/* A copy with a NUL behind it; NULL as above. */
char *arena_copy(struct arena *arena, struct span text) MUST_USE;

#endif
