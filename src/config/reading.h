/*
 * One reading of postern.conf, from its text to the typed structs: what its steps share. The steps,
 * in order: scan.c (is this a text without surprises, and what stands in which line), source.c
 * (libconfuse takes the values out), values.c (each value becomes a field), check.c (do they fit
 * together).
 */
#ifndef POSTERN_CONFIG_READING_H
#define POSTERN_CONFIG_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/mistakes.h"
#include "config/settings.h"

enum {
    CONFIG_FILE_MAX = 1 << 20, /* octets of postern.conf */
    CONFIG_TITLE_MAX = 64,     /* octets of a section's own name; the schema's limit */
    FOUND_MAX = 5 + 16 + 64 + 64 + 64 + 64, /* sections: one of each kind without a title, and the titled ones */
};

/* Whether the files that the configuration names are looked at. */
enum config_files { CONFIG_FILES_CHECKED, CONFIG_FILES_ASSUMED };

/* A section as it stands in the file; the first is the top level, which is always there. */
struct found {
    enum section_key key;
    char title[CONFIG_TITLE_MAX + 1];
    int line;                        /* where it begins; 0: it is not in the file */
    int setting_lines[SETTINGS_MAX]; /* 0: not given */
    size_t entries[SETTINGS_MAX];    /* values given */
    bool is_bad[SETTINGS_MAX];       /* given, but its value was refused: nothing to compare with */
};

/*
 * What is said when libconfuse takes a text otherwise than scan.c did. The fuzz target shows that
 * it doesn't; should it ever, the file is refused rather than read in one of two ways.
 */
#define READ_TWO_WAYS "can be read in two ways; put its values in quotes"

struct reading {
    struct config *config;
    enum config_files files;
    struct mistakes mistakes;
    struct found found[FOUND_MAX];
    size_t found_count;
};

/* The struct that a section with that key fills; number counts those of one key, where it has
 * titles. */
void *config_section(struct config *config, enum section_key key, size_t number);

/* The section found with that key and title (NULL: any), or NULL. */
struct found *reading_find(struct reading *reading, enum section_key key, const char *title);

/* The place of a setting in its section by name, which must exist. */
size_t found_setting(const struct found *found, const char *name);

/* Given in the file, whatever its value. */
bool found_has(const struct found *found, const char *name);

/* Not given, or given and read without an error: its field may be compared with others. */
bool found_is_sound(const struct found *found, const char *name);

/* The line of the setting, or where its section begins when it isn't given. */
int found_line(const struct found *found, const char *name);

/* As config_read(), from a text in memory that goes by the name of file. */
struct config *config_read_text(const char *file, struct span text, enum config_files files,
                                struct strbuf *ret_errors) MUST_USE;

#endif
