/*
 * What rules did, for `postern report`: gates tell it, never waiting. Grouped in memory by rule, listener,
 * user, network and minute; written in one transaction at upkeep and before a report. Bounded: what
 * finds no room, in memory or on the disk, is dropped and counted, and no login notices. Logins are
 * counted too, so that a report without a line is one about something.
 */
#ifndef POSTERN_KEEPER_JOURNAL_H
#define POSTERN_KEEPER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/hash.h"
#include "base/ip.h"
#include "base/strbuf.h"
#include "channel/message.h"
#include "keeper/store.h"

enum {
    JOURNAL_PENDING_MAX = 4096, /* lines between two flushes: what several gates can tell in a burst */
    JOURNAL_COUNT_MAX = 1 << 30, /* of one line: what a gate claims may not make sums overflow */
    JOURNAL_STRANGERS_MAX = JOURNAL_PENDING_MAX / 2, /* of them, without a user: anybody makes those */
    JOURNAL_AGO_MAX_S = 86400,   /* how late a gate may tell something: it may have had no keeper */
    JOURNAL_AGE_EVERY_S = 3600,  /* how often what is too old goes */
    JOURNAL_PAGE_ROWS = 256,     /* told to a command at a time: some milliseconds */
};

struct journal {
    struct hash_key key;
    struct hash_table by_group; /* of pending entries */
    struct journal_entry *pending;
    size_t count;
    size_t strangers; /* of them, those without a user */
    uint64_t counted[JOURNAL_OUTCOME_COUNT]; /* since the last flush, of those that are only counted */
    uint64_t dropped; /* of these, what found no room here: gates log their own */
    int64_t aged_s;
    uint32_t age_s;   /* settings; older lines and lines above rows_max go, the oldest first */
    uint32_t rows_max;
};

/* 0 or -errno. */
int journal_init(struct journal *journal) MUST_USE;
void journal_fini(struct journal *journal);

/* Counts add->count more of that group. What is no outcome, is empty or finds no room is dropped. */
void journal_note(struct journal *journal, const struct message_journal_add *add, int64_t now_s);

/* Writes what is pending, and trims. What can't be written is dropped, with a record. */
void journal_flush(struct journal *journal, struct store *store, int64_t now_s);

/* Drops what is pending, with a record: nothing takes it any more. */
void journal_discard(struct journal *journal, const char *reason);

#endif
