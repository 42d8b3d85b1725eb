/* The SQLite database behind devices.c; see store.h. */
#include "keeper/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/invariant.h"
#include "keeper/store_inside.h"
#include "keeper/store_tables.h"

enum {
    STORE_APPLICATION_ID = 0x506f7374, /* "Post": tells our files from others */
};

static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_READ_DEVICES] =
        "SELECT id, login, name, fingerprint, serial, issuer, added_s, not_after_s, last_used_s,"
        " last_address, revoked_s, warned_days FROM device ORDER BY id",
    [STATEMENT_ADD_DEVICE] =
        "INSERT INTO device (login, name, fingerprint, serial, issuer, added_s, not_after_s)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_REVOKE_DEVICE] = "UPDATE device SET revoked_s = ?2 WHERE id = ?1",
    [STATEMENT_TOUCH_DEVICE] =
        "UPDATE device SET last_used_s = ?2, last_address = ?3, warned_days = ?4 WHERE id = ?1",
    [STATEMENT_DROP_ACCOUNTS] =
        "DELETE FROM account WHERE last_login_s < ?1 AND certificate_until_s < ?1",
    [STATEMENT_READ_ACCOUNTS] = "SELECT login, last_login_s, certificate_until_s FROM account",
    [STATEMENT_PUT_ACCOUNT] =
        "INSERT INTO account (login, last_login_s, certificate_until_s) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (login) DO UPDATE SET last_login_s = ?2, certificate_until_s = ?3",
    [STATEMENT_ADD_DECISION] =
        "INSERT INTO journal (at_s, outcome, rule, listener, user, network, count)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_ADD_COUNT] =
        "INSERT INTO journal_count (at_s, outcome, count) VALUES (?1, ?2, ?3)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
    [STATEMENT_AGE_DECISIONS] = "DELETE FROM journal WHERE outcome IN (0, 1) AND at_s < ?1",
    [STATEMENT_AGE_COUNTS] = "DELETE FROM journal_count WHERE at_s < ?1",
    [STATEMENT_COUNT_DECISIONS] =
        "SELECT count(*), (SELECT count(*) FROM journal WHERE user = '') FROM journal",
    [STATEMENT_TRIM_DECISIONS] =
        "DELETE FROM journal WHERE id IN (SELECT id FROM journal ORDER BY id LIMIT ?1)",
    [STATEMENT_TRIM_STRANGERS] =
        "DELETE FROM journal WHERE id IN"
        " (SELECT id FROM journal WHERE user = '' ORDER BY id LIMIT ?1)",
    [STATEMENT_READ_DECISIONS] =
        "SELECT id, at_s, rule, listener, user, network, count FROM journal"
        " WHERE outcome = ?1 AND (at_s, id) > (?2, ?3) AND at_s < ?4 ORDER BY at_s, id LIMIT ?5",
    [STATEMENT_SUM_COUNTS] =
        "SELECT outcome, sum(count) FROM journal_count WHERE at_s > ?1 AND at_s < ?2 GROUP BY outcome",
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
};

/* --- Failing ---------------------------------------------------------------------------------- */

bool store_fail(struct store *store, struct strbuf *ret_reason)
{
    int system_error = sqlite3_system_errno(store->database);
    strbuf_format(ret_reason, "state database: %s", sqlite3_errmsg(store->database));
    if (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG ||
        system_error == EIO || system_error == EROFS || system_error == EACCES ||
        system_error == EPERM)
        strbuf_format(ret_reason, " (%s)", strerror(system_error));
    return false;
}

static bool store_run(struct store *store, const char *sql, struct strbuf *ret_reason)
{
    if (sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    return store_fail(store, ret_reason);
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* The first column of the first row of a pragma or query as a number. */
static bool store_ask_number(struct store *store, const char *sql, int64_t *ret_number,
                             struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = NULL;
    bool is_asked = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL) == SQLITE_OK &&
                    sqlite3_step(statement) == SQLITE_ROW;
    if (is_asked)
        *ret_number = sqlite3_column_int64(statement, 0);
    else
        (void)store_fail(store, ret_reason);
    (void)sqlite3_finalize(statement);
    return is_asked;
}

/* True when the first column of the first row is the text that is hoped for. */
static bool store_expect(struct store *store, const char *sql, const char *hoped,
                         const char *otherwise, struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = NULL;
    bool is_asked = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL) == SQLITE_OK &&
                    sqlite3_step(statement) == SQLITE_ROW;
    const char *text = is_asked ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    bool is_met = text != NULL && strcmp(text, hoped) == 0;
    if (text != NULL && !is_met)
        strbuf_format(ret_reason, "state database: %s: %.200s", otherwise, text);
    else if (!is_met)
        (void)store_fail(store, ret_reason);
    (void)sqlite3_finalize(statement);
    return is_met;
}

/* Takes the tables from that version to ours, each step whole or not at all. */
static bool store_migrate(struct store *store, int64_t version, struct strbuf *ret_reason)
{
    for (; version < STORE_VERSION; version++)
        if (!store_run(store, store_migrations[version], ret_reason)) {
            (void)sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
            return false;
        }
    return true;
}

/* Makes the tables in an empty file; refuses a file of something else, or of a newer release. */
static bool store_check_version(struct store *store, struct strbuf *ret_reason)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    if (!store_ask_number(store, "PRAGMA application_id", &application, ret_reason) ||
        !store_ask_number(store, "PRAGMA user_version", &version, ret_reason) ||
        !store_ask_number(store, "SELECT count(*) FROM sqlite_schema", &tables, ret_reason))
        return false;
    bool is_empty = application == 0 && version == 0 && tables == 0;
    if (!is_empty && (application != STORE_APPLICATION_ID || version < 1)) {
        strbuf_append(ret_reason, "state database: the file is not one of Postern's");
        return false;
    }
    if (version > STORE_VERSION) {
        strbuf_format(ret_reason,
                      "state database: written by a newer Postern (tables of version %lld, this "
                      "one knows %d)",
                      (long long)version, (int)STORE_VERSION);
        return false;
    }
    return store_migrate(store, version, ret_reason);
}

/* locking_mode comes first: it is what keeps the wal-index out of a file. */
static bool store_set_up(struct store *store, struct strbuf *ret_reason)
{
    (void)sqlite3_busy_timeout(store->database, STORE_BUSY_MS);
    (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (!store_run(store,
                   "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;"
                   "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                   "PRAGMA mmap_size = 0; PRAGMA synchronous = FULL;",
                   ret_reason) ||
        !store_expect(store, "PRAGMA journal_mode = WAL", "wal", "no write-ahead log", ret_reason) ||
        !store_expect(store, "PRAGMA integrity_check(1)", "ok", "damaged", ret_reason) ||
        !store_check_version(store, ret_reason))
        return false;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(store->database, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK)
            return store_fail(store, ret_reason);
    return true;
}

struct store *store_open(const char *file, struct strbuf *ret_reason)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        strbuf_append(ret_reason, "state database: out of memory");
        return NULL;
    }
    int result = sqlite3_open_v2(file, &store->database,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                     SQLITE_OPEN_EXRESCODE,
                                 NULL);
    bool is_open = result == SQLITE_OK ? store_set_up(store, ret_reason)
                                       : store_fail(store, ret_reason);
    if (!is_open) {
        strbuf_format(ret_reason, " (%s)", file);
        store_close(store);
        return NULL;
    }
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(store->statements[i]);
    (void)sqlite3_close(store->database);
    free(store);
}

/* --- Statements ------------------------------------------------------------------------------- */

void store_bind_text(sqlite3_stmt *statement, int index, struct span text)
{
    /* SQLITE_STATIC: the caller's text outlives the step, and statement_end unbinds it. */
    invariant(sqlite3_bind_text(statement, index, text.len == 0 ? "" : (const char *)text.at,
                                (int)text.len, SQLITE_STATIC) == SQLITE_OK);
}

void store_bind_number(sqlite3_stmt *statement, int index, int64_t number)
{
    invariant(sqlite3_bind_int64(statement, index, number) == SQLITE_OK);
}

bool store_run_statement(struct store *store, sqlite3_stmt *statement, struct strbuf *ret_reason)
{
    bool is_done = sqlite3_step(statement) == SQLITE_DONE;
    if (!is_done)
        (void)store_fail(store, ret_reason);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return is_done;
}

/*
 * Set before each write, so that no failure of setting it back can leave a later change less durable
 * than its caller was told. An fsync of the log covers what was written to it before.
 */
static bool store_write_durably(struct store *store, struct strbuf *ret_reason)
{
    return store_run(store, "PRAGMA synchronous = FULL", ret_reason);
}

struct span store_column_span(sqlite3_stmt *statement, int column)
{
    const void *at = sqlite3_column_blob(statement, column);
    return span_make(at, (size_t)sqlite3_column_bytes(statement, column));
}

static bool read_device_row(sqlite3_stmt *statement, struct stored_device *ret_device)
{
    struct span fingerprint = store_column_span(statement, 3);
    *ret_device = (struct stored_device){
        .id = sqlite3_column_int64(statement, 0),
        .login = store_column_span(statement, 1),
        .name = store_column_span(statement, 2),
        .serial = store_column_span(statement, 4),
        .issuer = store_column_span(statement, 5),
        .added_s = sqlite3_column_int64(statement, 6),
        .not_after_s = sqlite3_column_int64(statement, 7),
        .last_used_s = sqlite3_column_int64(statement, 8),
        .last_address = store_column_span(statement, 9),
        .revoked_s = sqlite3_column_int64(statement, 10),
        .warned_days = sqlite3_column_int64(statement, 11),
    };
    if (fingerprint.len != STORE_FINGERPRINT_SIZE)
        return false;
    memcpy(ret_device->fingerprint, fingerprint.at, STORE_FINGERPRINT_SIZE);
    return true;
}

bool store_read_devices(struct store *store, bool (*row)(const struct stored_device *, void *),
                        void *owner, struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_READ_DEVICES];
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct stored_device device;
        if (!read_device_row(statement, &device)) {
            strbuf_append(ret_reason, "state database: damaged: a fingerprint of wrong length");
            break;
        }
        if (!row(&device, owner)) {
            strbuf_append(ret_reason, "state database: more devices than memory has room for");
            break;
        }
    }
    if (step != SQLITE_DONE && step != SQLITE_ROW)
        (void)store_fail(store, ret_reason);
    (void)sqlite3_reset(statement);
    return step == SQLITE_DONE;
}

bool store_add_device(struct store *store, const struct stored_device *device, int64_t *ret_id,
                      struct strbuf *ret_reason)
{
    if (!store_write_durably(store, ret_reason))
        return false;
    sqlite3_stmt *statement = store->statements[STATEMENT_ADD_DEVICE];
    store_bind_text(statement, 1, device->login);
    store_bind_text(statement, 2, device->name);
    invariant(sqlite3_bind_blob(statement, 3, device->fingerprint, STORE_FINGERPRINT_SIZE,
                                SQLITE_STATIC) == SQLITE_OK);
    store_bind_text(statement, 4, device->serial);
    store_bind_text(statement, 5, device->issuer);
    store_bind_number(statement, 6, device->added_s);
    store_bind_number(statement, 7, device->not_after_s);
    if (!store_run_statement(store, statement, ret_reason))
        return false;
    *ret_id = sqlite3_last_insert_rowid(store->database);
    return true;
}

bool store_revoke_device(struct store *store, int64_t id, int64_t revoked_s,
                         struct strbuf *ret_reason)
{
    if (!store_write_durably(store, ret_reason))
        return false;
    sqlite3_stmt *statement = store->statements[STATEMENT_REVOKE_DEVICE];
    store_bind_number(statement, 1, id);
    store_bind_number(statement, 2, revoked_s);
    if (!store_run_statement(store, statement, ret_reason))
        return false;
    if (sqlite3_changes(store->database) == 1)
        return true;
    strbuf_append(ret_reason, "state database: the device is not there");
    return false;
}

/* --- Notes of last use ------------------------------------------------------------------------ */

bool store_give_up(struct store *store)
{
    auto_strbuf struct strbuf ignored = STRBUF(STORE_REASON_MAX);
    store->has_counted = false;
    if (sqlite3_get_autocommit(store->database) == 0)
        (void)store_run_statement(store, store->statements[STATEMENT_ROLLBACK], &ignored);
    return false;
}

bool store_begin_touches(struct store *store, struct strbuf *ret_reason)
{
    return store_run(store, "PRAGMA synchronous = NORMAL", ret_reason) &&
           store_run_statement(store, store->statements[STATEMENT_BEGIN], ret_reason);
}

bool store_touch_device(struct store *store, const struct stored_device *device,
                        struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_TOUCH_DEVICE];
    store_bind_number(statement, 1, device->id);
    store_bind_number(statement, 2, device->last_used_s);
    store_bind_text(statement, 3, device->last_address);
    store_bind_number(statement, 4, device->warned_days);
    return store_run_statement(store, statement, ret_reason) || store_give_up(store);
}

bool store_end_touches(struct store *store, struct strbuf *ret_reason)
{
    return store_run_statement(store, store->statements[STATEMENT_COMMIT], ret_reason) ||
           store_give_up(store);
}

/* --- Accounts --------------------------------------------------------------------------------- */

static bool store_run_account(struct store *store, const struct stored_account *account,
                              struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_PUT_ACCOUNT];
    store_bind_text(statement, 1, account->login);
    store_bind_number(statement, 2, account->last_login_s);
    store_bind_number(statement, 3, account->certificate_until_s);
    return store_run_statement(store, statement, ret_reason);
}

bool store_touch_account(struct store *store, const struct stored_account *account,
                         struct strbuf *ret_reason)
{
    return store_run_account(store, account, ret_reason) || store_give_up(store);
}

bool store_put_account(struct store *store, const struct stored_account *account,
                       struct strbuf *ret_reason)
{
    return store_write_durably(store, ret_reason) && store_run_account(store, account, ret_reason);
}

/* What can't be deleted, on a full disk, is read and no harm. */
static void store_drop_accounts(struct store *store, int64_t since_s)
{
    auto_strbuf struct strbuf ignored = STRBUF(STORE_REASON_MAX);
    store_bind_number(store->statements[STATEMENT_DROP_ACCOUNTS], 1, since_s);
    (void)store_run_statement(store, store->statements[STATEMENT_DROP_ACCOUNTS], &ignored);
}

bool store_read_accounts(struct store *store, int64_t since_s,
                         bool (*row)(const struct stored_account *, void *), void *owner,
                         struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_READ_ACCOUNTS];
    int step;
    store_drop_accounts(store, since_s);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct stored_account account = {.login = store_column_span(statement, 0),
                                         .last_login_s = sqlite3_column_int64(statement, 1),
                                         .certificate_until_s = sqlite3_column_int64(statement, 2)};
        if (!row(&account, owner)) {
            strbuf_append(ret_reason, "state database: more accounts than memory has room for");
            break;
        }
    }
    if (step != SQLITE_DONE && step != SQLITE_ROW)
        (void)store_fail(store, ret_reason);
    (void)sqlite3_reset(statement);
    return step == SQLITE_DONE;
}
