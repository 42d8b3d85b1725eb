/*
 * The users that the backend has let in at least once, or that own a registered device: who there is, so
 * that an operator can see who is not enrolled yet, and who came with a valid certificate of another
 * authority, which counts as enrolled until that certificate ends.
 *
 * All in memory; what is noted goes to the disk a little later, and some of it may be lost with the
 * machine's power: the next login notes it again. Owns no store.
 * Bounded by ACCOUNTS_MAX; who comes after is let in and not remembered.
 */
#ifndef POSTERN_KEEPER_ACCOUNTS_H
#define POSTERN_KEEPER_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/hash.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "keeper/devices.h"
#include "keeper/store.h"

enum {
    ACCOUNTS_MAX = 500000,      /* about 100 MB */
    ACCOUNT_KEEP_DAYS = 400,    /* who was not seen for so long is forgotten at the next start */
    ACCOUNT_TOUCH_EVERY_S = 60, /* the last login is stored at most this often for an account */
};

struct account {
    struct hash_link by_login;
    struct hash_link by_local;    /* what stands before the @ */
    LIST_ENTRY(account) unwritten; /* in the list of those that differ from the disk */
    bool is_unwritten;
    int64_t last_login_s;        /* 0: never, only a device says that there is such a user */
    int64_t noted_s;             /* last_login_s as it was last put down for storing */
    int64_t certificate_until_s; /* the end of another authority's certificate; 0: none was seen */
    uint16_t login_len;
    uint8_t login[];
};

LIST_HEAD(account_list, account);

struct accounts {
    struct hash_key key;
    struct hash_table by_login;
    struct hash_table by_local;
    struct account_list unwritten;
    struct store *store; /* not owned */
    struct account **all;
    size_t count;
    size_t room;
};

/* Reads what the store has. False with a sentence; nothing is held then. */
bool accounts_open(struct accounts *accounts, struct store *store, int64_t now_s,
                   struct strbuf *ret_reason) MUST_USE;

/* Also for accounts that are all zero, or closed already. */
void accounts_close(struct accounts *accounts);

/* NULL: not known. */
struct account *accounts_find(const struct accounts *accounts, struct span login);

/* The account, made where it is missing; in memory only until it logs in. NULL: no room. */
struct account *accounts_ensure(struct accounts *accounts, struct span login);

/*
 * Notes that the backend let the account in. certificate_until_s: the end of the certificate that it
 * came with, where that is of another authority; else 0. The latest end counts. True where that makes
 * it enrolled who was not.
 */
bool accounts_note(struct accounts *accounts, struct account *account, int64_t certificate_until_s,
                   int64_t now_s);

/* As devices_has_valid, by another authority's certificate. */
bool accounts_have_certificate(const struct accounts *accounts, struct span login,
                               bool is_local_enough, int64_t now_s);

/* Forgets another authority's certificates of the account. Durable. */
enum device_result accounts_forget(struct accounts *accounts, struct account *account,
                                   struct strbuf *ret_reason) MUST_USE;

/* Stores what was noted, if anything. False with the reason; it is tried again next time. */
bool accounts_flush(struct accounts *accounts, struct strbuf *ret_reason) MUST_USE;

static inline struct span account_login(const struct account *account)
{
    return span_make(account->login, account->login_len);
}

#endif
