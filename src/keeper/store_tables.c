/* The steps from one version of the tables to the next; see store_tables.h. Run by store.c. */
#include "keeper/store_tables.h"

/* A name is free again once its device is revoked. */
static const char devices[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE device ("
    "    id INTEGER PRIMARY KEY,"
    "    login TEXT NOT NULL,"
    "    name TEXT NOT NULL,"
    "    fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32),"
    "    serial TEXT NOT NULL,"
    "    issuer TEXT NOT NULL,"
    "    added_s INTEGER NOT NULL,"
    "    not_after_s INTEGER NOT NULL,"
    "    last_used_s INTEGER NOT NULL DEFAULT 0,"
    "    last_address TEXT NOT NULL DEFAULT '',"
    "    revoked_s INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE UNIQUE INDEX device_name ON device (login, name) WHERE revoked_s = 0;"
    "PRAGMA application_id = 0x506f7374;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

static const char warnings_of_expiry[] =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE device ADD COLUMN warned_days INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 2;"
    "COMMIT;";

static const char accounts[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE account ("
    "    login TEXT NOT NULL PRIMARY KEY,"
    "    last_login_s INTEGER NOT NULL,"
    "    certificate_until_s INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 3;"
    "COMMIT;";

/* Outcomes are numbers of enum journal_outcome; lines without a user are found by an index of their own. */
static const char journal[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE journal ("
    "    id INTEGER PRIMARY KEY,"
    "    at_s INTEGER NOT NULL,"
    "    outcome INTEGER NOT NULL,"
    "    rule TEXT NOT NULL,"
    "    listener TEXT NOT NULL,"
    "    user TEXT NOT NULL,"
    "    network TEXT NOT NULL,"
    "    count INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX journal_at ON journal (outcome, at_s);"
    "CREATE INDEX journal_strangers ON journal (id) WHERE user = '';"
    "CREATE TABLE journal_count ("
    "    at_s INTEGER NOT NULL,"
    "    outcome INTEGER NOT NULL,"
    "    count INTEGER NOT NULL,"
    "    PRIMARY KEY (at_s, outcome)"
    ") STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 4;"
    "COMMIT;";

const char *const store_migrations[STORE_VERSION] = {
    [0] = devices,
    [1] = warnings_of_expiry,
    [2] = accounts,
    [3] = journal,
};
