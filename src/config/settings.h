/*
 * The table of settings (settings.def) as data: what the reader, --explain and the manual walk
 * over.
 */
#ifndef POSTERN_CONFIG_SETTINGS_H
#define POSTERN_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "config/terms.h"

struct value_type;

enum section_key {
    SECTION_TOP,
    SECTION_TLS,
    SECTION_CLIENT_CA,
    SECTION_LOGIN,
    SECTION_LIMITS,
    SECTION_JOURNAL,
    SECTION_BACKEND,
    SECTION_LISTENER,
    SECTION_GROUP,
    SECTION_LOGIN_RULE,
    SECTION_COUNT,
};

/* Most settings of one section; settings.c asserts it. */
enum { SETTINGS_MAX = 16 };

struct setting {
    const char *name;
    const struct value_type *type;
    size_t offset;        /* of the field in the section's struct */
    const char *standard; /* the default as the file would spell it; NULL: none */
    uint32_t least;       /* of a number, milliseconds of a duration */
    uint32_t most;        /* likewise; of a list, its entries */
    size_t octets;        /* of a list of texts: of all entries, with a separator each */
    size_t count_offset;  /* of a list that has its count apart */
    const struct term *terms;
    bool is_required;
    const char *help;
};

struct section {
    const char *name;  /* "" for the top level */
    const char *title; /* how the manual writes its title; NULL: it has none */
    size_t most;
    const struct setting *settings;
    size_t setting_count;
    const char *help;
};

extern const struct section sections[SECTION_COUNT];

/*
 * The key of the section of that name, or SECTION_COUNT. The top level has no name to be
 * found by.
 */
enum section_key section_find(struct span name);

/* The index of the setting of that name in the section, or its setting_count. */
size_t setting_find(const struct section *section, struct span name);

/* Whether a value, as the file spells it, is the setting's default. */
bool setting_is_default(const struct setting *setting, const char *value);

/* Whether the setting takes a list of values. */
bool setting_is_list(const struct setting *setting);

#endif
