/* What the files of the store share, and nobody else: the database and its statements. See store.h. */
#ifndef POSTERN_KEEPER_STORE_INSIDE_H
#define POSTERN_KEEPER_STORE_INSIDE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

enum store_statement {
    STATEMENT_READ_DEVICES,
    STATEMENT_ADD_DEVICE,
    STATEMENT_REVOKE_DEVICE,
    STATEMENT_TOUCH_DEVICE,
    STATEMENT_DROP_ACCOUNTS,
    STATEMENT_READ_ACCOUNTS,
    STATEMENT_PUT_ACCOUNT,
    STATEMENT_ADD_DECISION,
    STATEMENT_ADD_COUNT,
    STATEMENT_AGE_DECISIONS,
    STATEMENT_AGE_COUNTS,
    STATEMENT_COUNT_DECISIONS,
    STATEMENT_TRIM_DECISIONS,
    STATEMENT_TRIM_STRANGERS,
    STATEMENT_READ_DECISIONS,
    STATEMENT_SUM_COUNTS,
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_COUNT,
};

struct store {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    bool has_counted;  /* the two below are what is in the journal */
    int64_t decisions;
    int64_t strangers; /* of them, those without a user */
};

/* Appends why the last call failed. Always false, for returning. */
bool store_fail(struct store *store, struct strbuf *ret_reason);

/* Ends a transaction that failed, unless SQLite has done so itself. Always false, for returning. */
bool store_give_up(struct store *store);

/* The text must stay until the statement has run. */
void store_bind_text(sqlite3_stmt *statement, int index, struct span text);
void store_bind_number(sqlite3_stmt *statement, int index, int64_t number);

/* Runs a statement that gives no rows, and makes it ready for the next time. */
bool store_run_statement(struct store *store, sqlite3_stmt *statement, struct strbuf *ret_reason);

/* Lasts until the next step. */
struct span store_column_span(sqlite3_stmt *statement, int column);

#endif
