/*
 * The state on disk: one SQLite database in WAL mode. The store knows tables and nothing of who asks;
 * devices.c keeps what it holds in memory too, so that no login waits for a disk.
 *
 * What a function that says "durable" has returned for is on the disk (fsync) and survives any end of
 * this process and of the machine. A change that failed is not made; where the disk failed in the
 * midst of an fsync nobody can know, and it may be found made after a restart.
 *
 * The database is locked while it is open: a second keeper on one file would not see the first one's
 * revocations. No shared memory file is used, so an existing database opens on a full disk too.
 */
#ifndef POSTERN_KEEPER_STORE_H
#define POSTERN_KEEPER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "channel/message.h"

enum {
    STORE_FINGERPRINT_SIZE = 32,
    STORE_REASON_MAX = 400, /* a sensible cap for ret_reason */
    STORE_BUSY_MS = 3000,   /* how long opening waits for another program's lock */
    STORE_COUNT_S = 300,    /* what is only counted is so by these times */
};

struct store;

/* One row of the table device. Spans belong to the caller, or to the row being read. */
struct stored_device {
    int64_t id;
    struct span login;
    struct span name;
    uint8_t fingerprint[STORE_FINGERPRINT_SIZE];
    struct span serial;
    struct span issuer;
    int64_t added_s;
    int64_t not_after_s;
    int64_t last_used_s; /* 0: never */
    struct span last_address;
    int64_t revoked_s;   /* 0: not */
    int64_t warned_days; /* the last warning of its end: so many days before; 0: none yet */
};

/* One row of the table account. */
struct stored_account {
    struct span login;
    int64_t last_login_s;        /* 0: never */
    int64_t certificate_until_s; /* 0: no certificate of another authority */
};

/*
 * Opens or creates the database and checks it: an integrity check, the version of its tables. NULL
 * with a sentence in ret_reason for a file that is not ours, damaged, of a newer release, or locked.
 */
struct store *store_open(const char *file, struct strbuf *ret_reason) MUST_USE;

/* Takes NULL. */
void store_close(struct store *store);

/* Calls row for each device, oldest first, until it returns false. False with the reason. */
bool store_read_devices(struct store *store, bool (*row)(const struct stored_device *, void *),
                        void *owner, struct strbuf *ret_reason) MUST_USE;

/* Adds the device; its id is given back. Durable. */
bool store_add_device(struct store *store, const struct stored_device *device, int64_t *ret_id,
                      struct strbuf *ret_reason) MUST_USE;

/* Durable. */
bool store_revoke_device(struct store *store, int64_t id, int64_t revoked_s,
                         struct strbuf *ret_reason) MUST_USE;

/* --- The journal, in store_journal.c ----------------------------------------------------------- */

/* A line: what a rule did on a listener to a user, from a network, within a minute. */
struct stored_decision {
    int64_t id;
    int64_t at_s; /* the last of them */
    enum journal_outcome outcome; /* JOURNAL_WOULD_REFUSE or JOURNAL_REFUSED */
    struct span rule;
    struct span listener;
    struct span user; /* empty: nobody known */
    struct span network;
    uint32_t count;
};

/* Which lines are read next: those behind at_s and id and before until_s, in the order of these two. */
struct stored_page {
    enum journal_outcome outcome;
    int64_t at_s;
    int64_t id;
    int64_t until_s;
    int64_t most;
};

/* These four between store_begin_touches and store_end_touches. */
bool store_add_decision(struct store *store, const struct stored_decision *decision,
                        struct strbuf *ret_reason) MUST_USE;

/* Adds to what is only counted; at_s: a multiple of STORE_COUNT_S. */
bool store_add_count(struct store *store, int64_t at_s, enum journal_outcome outcome, uint64_t count,
                     struct strbuf *ret_reason) MUST_USE;

/* Takes out what is older than since_s. */
bool store_age_decisions(struct store *store, int64_t since_s, struct strbuf *ret_reason) MUST_USE;

/*
 * Takes out the oldest lines above most. Those without a user have half of that at most, so that
 * strangers, who can make any number, push out no line about a user.
 */
bool store_trim_decisions(struct store *store, int64_t most, struct strbuf *ret_reason) MUST_USE;

/* Calls row for the lines of the page; its spans last for the call. */
bool store_read_decisions(struct store *store, const struct stored_page *page,
                          void (*row)(const struct stored_decision *, void *), void *owner,
                          struct strbuf *ret_reason) MUST_USE;

/* What was counted from since_s, or up to STORE_COUNT_S before it, until until_s. */
bool store_sum_counts(struct store *store, int64_t since_s, int64_t until_s,
                      uint64_t ret_counts[JOURNAL_OUTCOME_COUNT], struct strbuf *ret_reason) MUST_USE;

/* --- Notes -------------------------------------------------------------------------------------- */

/*
 * Notes of last use, and of warnings, are written many in one transaction: begin, touch each, end. They
 * wait for no fsync: losing some with the machine's power harms nobody. After a false of any of them
 * nothing of the transaction is kept, and it is over.
 */
bool store_begin_touches(struct store *store, struct strbuf *ret_reason) MUST_USE;
bool store_touch_device(struct store *store, const struct stored_device *device,
                        struct strbuf *ret_reason) MUST_USE;
bool store_touch_account(struct store *store, const struct stored_account *account,
                         struct strbuf *ret_reason) MUST_USE;
bool store_end_touches(struct store *store, struct strbuf *ret_reason) MUST_USE;

/*
 * Deletes the accounts that were not seen since since_s and whose certificate ended before it, and calls
 * row for each of the others, until it returns false. False with the reason.
 */
bool store_read_accounts(struct store *store, int64_t since_s,
                         bool (*row)(const struct stored_account *, void *), void *owner,
                         struct strbuf *ret_reason) MUST_USE;

/* Writes the account's row, new or not. Durable. */
bool store_put_account(struct store *store, const struct stored_account *account,
                       struct strbuf *ret_reason) MUST_USE;

#endif
