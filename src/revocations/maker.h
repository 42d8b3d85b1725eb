/*
 * From the lists in files, and the table that is in force, the next table. It has one row at most for
 * each authority: the newest list that counts. Where there is none, or it goes backwards, the former
 * row stays; every list that is not taken is an event that says why.
 */
#ifndef POSTERN_REVOCATIONS_MAKER_H
#define POSTERN_REVOCATIONS_MAKER_H

#include <openssl/x509.h>

#include "revocations/draft.h"

enum { MAKER_FILE_NAME_MAX = 512 };

struct maker_row {
    struct draft_row draft;
    char file[MAKER_FILE_NAME_MAX + 1]; /* that it came from */
};

struct maker {
    char authority[65]; /* the configuration's name for the set */
    STACK_OF(X509) *certificates;
    struct revocations former;
    struct maker_row *rows[REVOCATIONS_LISTS_MAX]; /* owned */
    uint32_t row_count;
    const char *file; /* being read */
    int64_t now_s;
    bool is_lacking; /* an authority has no list, once the table is written */
    bool is_out_of_memory;
};

/*
 * certificate_fd: PEM of the authorities; former_fd: the table in force, -1 for none. Both stay the
 * caller's. False, with an event, when the certificates can't be read.
 */
bool maker_init(struct maker *maker, struct span authority, int certificate_fd, int former_fd) MUST_USE;
void maker_fini(struct maker *maker);

/* Takes in one file of lists; the descriptor stays the caller's. */
void maker_add(struct maker *maker, struct span file, int fd);

/* Writes the table. False, with an event, when that fails. */
bool maker_write(struct maker *maker, int table_fd) MUST_USE;

#endif
