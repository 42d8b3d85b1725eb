/*
 * A table for people: rows are gathered, then printed with aligned columns. Octets that could steer a
 * terminal are shown as \xXX.
 */
#ifndef POSTERN_CLI_COLUMNS_H
#define POSTERN_CLI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum { COLUMNS_MAX = 8 };

struct columns {
    size_t count;          /* of columns */
    char **cells;          /* row after row; owned */
    size_t cell_count;
    size_t room;
    size_t widths[COLUMNS_MAX]; /* characters of the widest cell */
    bool failed;           /* memory was out */
};

/* Begins with the titles, which end with NULL. */
void columns_init(struct columns *columns, const char *const *titles);
void columns_fini(struct columns *columns);

/* The next cell; an empty text is shown as a hyphen. */
void columns_add(struct columns *columns, struct span text);

/* "2026-11-24 04:38", in UTC; or the date alone; a hyphen for 0. */
void columns_add_time(struct columns *columns, int64_t wall_s);
void columns_add_date(struct columns *columns, int64_t wall_s);

/*
 * Prints to standard output, or the one line that says so when there is no row. The exit status of
 * the command: a failure, said, when memory was out.
 */
int columns_print_or(const struct columns *columns, const char *when_empty) MUST_USE;

#endif
