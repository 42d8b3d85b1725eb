/*
 * A table of revoked certificates that is being made: rows with their serials in memory, and then the
 * file that pki/revocations.h describes.
 */
#ifndef POSTERN_REVOCATIONS_DRAFT_H
#define POSTERN_REVOCATIONS_DRAFT_H

#include "pki/revocations.h"

/* Serials of one length, end to end; owned. */
struct draft_serials {
    uint8_t *at;
    size_t size; /* octets that there is memory for */
};

struct draft_row {
    struct revocations_row row; /* serials_at is given when it is written */
    struct draft_serials serials[SERIAL_MAX + 1];
};

/* Adds one. False when memory is out, or it is longer than SERIAL_MAX. */
bool draft_row_add(struct draft_row *row, struct span serial) MUST_USE;

/* Adds all of a table's row, and takes over what else it says. False when memory is out. */
bool draft_row_copy(struct draft_row *row, const struct revocations *table,
                    const struct revocations_row *from) MUST_USE;

/* Once all are added. */
void draft_row_sort(struct draft_row *row);

/* Leaves an empty row. */
void draft_row_fini(struct draft_row *row);

/* Writes the table to the descriptor, from its begin. 0 or -errno. */
int draft_write(struct draft_row *const *rows, uint32_t count, int fd) MUST_USE;

#endif
