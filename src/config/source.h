/*
 * libconfuse, behind two functions: it takes the values out of a text that scan.c has passed, and
 * keeps them with their lines. The only file that knows it is source.c.
 */
#ifndef POSTERN_CONFIG_SOURCE_H
#define POSTERN_CONFIG_SOURCE_H

#include <stddef.h>

#include "base/attributes.h"
#include "config/reading.h"

struct source;

/* A value as libconfuse delivered it, without quotes and escapes. */
struct given {
    int line;
    char text[];
};

/* Reads text. NULL: no memory, or libconfuse did not understand what scan.c passed. */
struct source *source_new(const char *text) MUST_USE;

/* Takes NULL. */
void source_free(struct source *source);

/* How many values the setting has in that section. */
size_t source_count(struct source *source, const struct found *found,
                    const struct setting *setting);

/* The value with that index, below source_count(). */
const struct given *source_value(struct source *source, const struct found *found,
                                 const struct setting *setting, size_t index);

#endif
