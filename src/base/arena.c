/* Memory that is freed all at once; see arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_SIZE = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char octets[];
};

void arena_init(struct arena *arena, size_t cap)
{
    *arena = (struct arena){.cap = cap};
}

void arena_fini(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
    arena->taken = 0;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    size_t align = alignof(max_align_t);
    if (size != 0 && count > (arena->cap - arena->taken) / size)
        return NULL;
    size_t octets = (count * size + align - 1) / align * align;
    if (octets > arena->cap - arena->taken)
        return NULL;
    struct arena_block *block = arena->blocks;
    if (block == NULL || octets > block->size - block->used) {
        size_t block_size = octets > ARENA_BLOCK_SIZE ? octets : ARENA_BLOCK_SIZE;
        block = calloc(1, sizeof *block + block_size);
        if (block == NULL)
            return NULL;
        block->size = block_size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *at = block->octets + block->used;
    block->used += octets;
    arena->taken += octets;
    return at;
}

char *arena_copy(struct arena *arena, struct span text)
{
    char *copy = arena_alloc(arena, text.len + 1, 1);
    if (copy != NULL && text.len > 0)
        memcpy(copy, text.at, text.len);
    return copy;
}
