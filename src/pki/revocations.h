/*
 * The table of revoked certificates: what the lists (CRLs) of one set of authorities say, flat, as
 * libexec/postern/revocations wrote it. Every process that verifies maps it read-only, so all share its
 * memory, and asks it a few hundred nanoseconds long.
 *
 *     head, rows (one a list, in the order of the authorities), then the serials of each row:
 *     those of one octet, then those of two, … each kind sorted, without anything between them
 *
 * Whoever wrote it read octets from the internet: a reader believes no number in it. The file is sealed,
 * so what was checked once stays so.
 */
#ifndef POSTERN_PKI_REVOCATIONS_H
#define POSTERN_PKI_REVOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "pki/issuer.h"

#define REVOCATIONS_MAGIC 0x70726576 /* "prev" */

enum {
    REVOCATIONS_VERSION = 1,
    REVOCATIONS_LISTS_MAX = 256,
    REVOCATIONS_NAME_MAX = 256,
    REVOCATIONS_TABLE_MAX = 256 << 20, /* octets: 12 million serials of 20 */
};

struct revocations_head {
    uint32_t magic;
    uint32_t version;
    uint32_t row_count;
    uint32_t unused;
};

struct revocations_row {
    struct issuer issuer;
    int64_t this_update_s;
    int64_t next_update_s;
    uint64_t serials_at;                 /* from the table's begin */
    uint32_t counts[SERIAL_MAX + 1];     /* of serials, by their length */
    uint32_t name_size;
    uint8_t name[REVOCATIONS_NAME_MAX];  /* of the issuer, for people */
    uint8_t number[SERIAL_MAX];          /* of the list (RFC 5280 section 5.2.3), with zeros before it */
    uint8_t has_number;
    uint8_t unused[11];
};

_Static_assert(sizeof(struct revocations_row) % 8 == 0, "rows stand behind each other");

/* A table that was checked; points into the mapping. */
struct revocations {
    struct span octets;
    const struct revocations_row *rows;
    uint32_t row_count;
    bool is_mapped;
};

enum revocations_answer {
    REVOCATIONS_UNLISTED, /* there is a list, and it does not name the certificate */
    REVOCATIONS_LISTED,
    REVOCATIONS_NO_LIST,
    REVOCATIONS_OVERDUE, /* unlisted, and a newer list should be there */
};

/*
 * Checks a table in memory, which begins at a multiple of eight and stays the caller's. False when it
 * isn't one.
 */
bool revocations_read(struct span octets, struct revocations *ret_table) MUST_USE;

/* Maps the table behind the descriptor, which stays the caller's. False with the reason in why. */
bool revocations_map(int fd, struct revocations *ret_table, struct strbuf *why) MUST_USE;

/* Unmaps; leaves an empty table, which has no list. */
void revocations_unmap(struct revocations *table);

/*
 * What the list of that issuer says of the serial. It is overdue when it is older than its own word on
 * the next one and grace_s beyond.
 */
enum revocations_answer revocations_find(const struct revocations *table, const struct issuer *issuer,
                                         struct span serial, int64_t now_s, int64_t grace_s) MUST_USE;

/* The row of that issuer, or NULL. */
const struct revocations_row *revocations_row_of(const struct revocations *table,
                                                 const struct issuer *issuer);

/* How many serials a row has. */
uint64_t revocations_row_count(const struct revocations_row *row);

/* The octets of a row's serials of that length, sorted, end to end. */
struct span revocations_row_serials(const struct revocations *table, const struct revocations_row *row,
                                    size_t len);

#endif
