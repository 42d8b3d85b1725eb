/*
 * What happens again and again, said once a minute. The first from a network, for one reason, on a listener
 * and to a user, is logged by who saw it and told to the keeper's journal at once. More of the same within
 * the minute are counted; then one record says how many, and the journal hears it too.
 *
 * Bounded: a flood from ever new places costs TALLY_GROUPS_MAX groups a minute, of which those without a
 * known user, which anybody can make, have half. What finds no room is counted and said once a minute.
 * Nothing waits for the keeper: what it does not take yet stays as long as there is room for it.
 */
#ifndef POSTERN_GATE_TALLY_H
#define POSTERN_GATE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/hash.h"
#include "base/ip.h"
#include "channel/message.h"

enum {
    TALLY_GROUPS_MAX = 1024,   /* a minute; each takes about 700 octets */
    TALLY_STRANGERS_MAX = TALLY_GROUPS_MAX / 2,
    TALLY_MINUTE_MS = 60000,
    TALLY_SWEEP_S = 5,         /* how often it is looked for what is over */
};

/* Which record says what was counted. */
enum tally_record {
    TALLY_WOULD_REFUSE,
    TALLY_CONNECTION_REFUSED,
    TALLY_CONNECTION_ENDED,
    TALLY_NO_RECORD, /* each has one of its own: for the journal only */
};

/* One that happened. All texts but listener and user are fixed phrases, which are kept by address. */
struct tally_note {
    enum tally_record record;
    const char *reason;  /* as the record has it: a rule, or why */
    const char *rule;    /* as the journal has it; NULL: it does not hear of this */
    const char *listener;
    const char *user;    /* NULL: nobody who is known */
    struct ip_prefix network;
};

struct tally_group;
TAILQ_HEAD(tally_list, tally_group);

/* Tells the keeper. False: not now; the message is to be offered again. */
typedef bool tally_tell_fn(void *owner, const struct message_journal_add *add);

struct tally {
    struct hash_key key;
    struct hash_table by_texts;
    struct tally_group *groups;
    struct tally_list unused;
    struct tally_list by_age; /* the one whose minute began first comes first */
    size_t strangers;         /* groups without a user */
    uint64_t counted[JOURNAL_OUTCOME_COUNT]; /* that the keeper has not been told: logins, and what was dropped */
    uint64_t unsaid_drops;    /* not logged yet */
    uint64_t said_ms;         /* when drops were logged last */
    tally_tell_fn *tell;
    void *owner;
};

/* 0 or -errno. */
int tally_init(struct tally *tally, tally_tell_fn *tell, void *owner) MUST_USE;
void tally_fini(struct tally *tally);

/*
 * Counts one. True: it is the first of its minute, and the caller has it logged. now_ms is monotonic, here
 * and below.
 */
bool tally_add(struct tally *tally, const struct tally_note *note, uint64_t now_ms) MUST_USE;

/* Counts a login that succeeded. */
void tally_add_login(struct tally *tally, bool is_observed);

/* Says what is over. is_last: everything, since nothing comes after it. */
void tally_sweep(struct tally *tally, uint64_t now_ms, bool is_last);

#endif
