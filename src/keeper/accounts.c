/*
 * The users that were seen; see accounts.h. Called by gate_link.c when a session starts and when a
 * password asks to be let in, and by the command that lists who is not enrolled.
 */
#include "keeper/accounts.h"

#include <stdlib.h>
#include <string.h>


enum { DAY_S = 86400 };

static struct span local_part(struct span login)
{
    return span_cut(&login, '@');
}

/* --- In memory -------------------------------------------------------------------------------- */

static bool accounts_make_room(struct accounts *accounts)
{
    if (accounts->count < accounts->room)
        return true;
    if (accounts->count >= ACCOUNTS_MAX)
        return false;
    size_t room = accounts->room == 0 ? 256 : accounts->room * 2;
    struct account **all = realloc(accounts->all, room * sizeof(struct account *));
    if (all == NULL)
        return false;
    accounts->all = all;
    accounts->room = room;
    return true;
}

static struct account *accounts_add(struct accounts *accounts, struct span login)
{
    if (login.len == 0 || login.len > DEVICE_LOGIN_MAX || !accounts_make_room(accounts))
        return NULL;
    struct account *account = malloc(sizeof *account + login.len);
    if (account == NULL)
        return NULL;
    *account = (struct account){.login_len = (uint16_t)login.len};
    memcpy(account->login, login.at, login.len);
    accounts->all[accounts->count++] = account;
    hash_table_insert(&accounts->by_login, &account->by_login, hash_span(&accounts->key, login));
    hash_table_insert(&accounts->by_local, &account->by_local,
                      hash_span(&accounts->key, local_part(login)));
    return account;
}

struct account *accounts_find(const struct accounts *accounts, struct span login)
{
    struct hash_link *link =
        hash_table_first(&accounts->by_login, hash_span(&accounts->key, login));
    for (; link != NULL; link = hash_table_next(link)) {
        struct account *account = hash_holder(link, struct account, by_login);
        if (span_equal(account_login(account), login))
            return account;
    }
    return NULL;
}

struct account *accounts_ensure(struct accounts *accounts, struct span login)
{
    struct account *account = accounts_find(accounts, login);
    return account != NULL ? account : accounts_add(accounts, login);
}

/* --- From the store ----------------------------------------------------------------------------- */

static bool accounts_take_row(const struct stored_account *stored, void *owner)
{
    struct account *account = accounts_ensure(owner, stored->login);
    if (account == NULL)
        return false;
    account->last_login_s = stored->last_login_s;
    account->noted_s = stored->last_login_s;
    account->certificate_until_s = stored->certificate_until_s;
    return true;
}

bool accounts_open(struct accounts *accounts, struct store *store, int64_t now_s,
                   struct strbuf *ret_reason)
{
    *accounts = (struct accounts){.store = store};
    if (hash_key_draw(&accounts->key) != 0 || hash_table_init(&accounts->by_login) != 0 ||
        hash_table_init(&accounts->by_local) != 0) {
        strbuf_append(ret_reason, "state database: out of memory");
        accounts_close(accounts);
        return false;
    }
    int64_t since_s = now_s - (int64_t)ACCOUNT_KEEP_DAYS * DAY_S;
    if (store_read_accounts(store, since_s, accounts_take_row, accounts, ret_reason))
        return true;
    accounts_close(accounts);
    return false;
}

void accounts_close(struct accounts *accounts)
{
    for (size_t i = 0; i < accounts->count; i++)
        free(accounts->all[i]);
    free(accounts->all);
    hash_table_fini(&accounts->by_login);
    hash_table_fini(&accounts->by_local);
    *accounts = (struct accounts){.store = NULL};
}

/* --- What is noted ------------------------------------------------------------------------------ */

static void accounts_put_down(struct accounts *accounts, struct account *account)
{
    if (account->is_unwritten)
        return;
    account->is_unwritten = true;
    LIST_INSERT_HEAD(&accounts->unwritten, account, unwritten);
}

bool accounts_note(struct accounts *accounts, struct account *account, int64_t certificate_until_s,
                   int64_t now_s)
{
    int64_t since_s = now_s - account->noted_s;
    bool was_enrolled = account->certificate_until_s >= now_s;
    account->last_login_s = now_s;
    if (since_s < 0 || since_s >= ACCOUNT_TOUCH_EVERY_S) {
        account->noted_s = now_s;
        accounts_put_down(accounts, account);
    }
    if (certificate_until_s <= account->certificate_until_s)
        return false;
    account->certificate_until_s = certificate_until_s;
    accounts_put_down(accounts, account);
    return !was_enrolled && certificate_until_s >= now_s;
}

bool accounts_have_certificate(const struct accounts *accounts, struct span login,
                               bool is_local_enough, int64_t now_s)
{
    struct span local = local_part(login);
    struct hash_link *link =
        hash_table_first(&accounts->by_local, hash_span(&accounts->key, local));
    for (; link != NULL; link = hash_table_next(link)) {
        const struct account *account = hash_holder(link, struct account, by_local);
        struct span owner = account_login(account);
        bool is_owner = is_local_enough ? span_equal(local_part(owner), local)
                                        : span_equal(owner, login);
        if (is_owner && account->certificate_until_s != 0 && account->certificate_until_s >= now_s)
            return true;
    }
    return false;
}

enum device_result accounts_forget(struct accounts *accounts, struct account *account,
                                   struct strbuf *ret_reason)
{
    struct stored_account stored = {.login = account_login(account),
                                    .last_login_s = account->last_login_s};
    if (account->certificate_until_s == 0) {
        strbuf_append(ret_reason, "no certificate of another authority was seen of this user");
        return DEVICE_REFUSED;
    }
    if (!store_put_account(accounts->store, &stored, ret_reason))
        return DEVICE_STORE_FAILED;
    account->certificate_until_s = 0;
    return DEVICE_DONE;
}

/* --- Storing ------------------------------------------------------------------------------------ */

bool accounts_flush(struct accounts *accounts, struct strbuf *ret_reason)
{
    struct account *account;
    if (LIST_EMPTY(&accounts->unwritten))
        return true;
    if (!store_begin_touches(accounts->store, ret_reason))
        return false;
    LIST_FOREACH(account, &accounts->unwritten, unwritten) {
        struct stored_account stored = {.login = account_login(account),
                                        .last_login_s = account->last_login_s,
                                        .certificate_until_s = account->certificate_until_s};
        if (!store_touch_account(accounts->store, &stored, ret_reason))
            return false;
    }
    if (!store_end_touches(accounts->store, ret_reason))
        return false;
    while (!LIST_EMPTY(&accounts->unwritten)) {
        account = LIST_FIRST(&accounts->unwritten);
        LIST_REMOVE(account, unwritten);
        account->is_unwritten = false;
    }
    return true;
}
