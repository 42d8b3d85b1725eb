/* The journal's tables; see store.h. Called by journal.c and, for a report, by commands.c. */
#include "keeper/store.h"
#include "keeper/store_inside.h"

bool store_add_decision(struct store *store, const struct stored_decision *decision,
                        struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_ADD_DECISION];
    store_bind_number(statement, 1, decision->at_s);
    store_bind_number(statement, 2, decision->outcome);
    store_bind_text(statement, 3, decision->rule);
    store_bind_text(statement, 4, decision->listener);
    store_bind_text(statement, 5, decision->user);
    store_bind_text(statement, 6, decision->network);
    store_bind_number(statement, 7, decision->count);
    if (!store_run_statement(store, statement, ret_reason))
        return store_give_up(store);
    store->decisions++;
    store->strangers += decision->user.len == 0;
    return true;
}

bool store_add_count(struct store *store, int64_t at_s, enum journal_outcome outcome, uint64_t count,
                     struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_ADD_COUNT];
    store_bind_number(statement, 1, at_s);
    store_bind_number(statement, 2, outcome);
    store_bind_number(statement, 3, (int64_t)count);
    return store_run_statement(store, statement, ret_reason) || store_give_up(store);
}

/* --- Bounds ----------------------------------------------------------------------------------- */

static bool run_with(struct store *store, enum store_statement which, int64_t number,
                     struct strbuf *ret_reason)
{
    store_bind_number(store->statements[which], 1, number);
    return store_run_statement(store, store->statements[which], ret_reason) || store_give_up(store);
}

bool store_age_decisions(struct store *store, int64_t since_s, struct strbuf *ret_reason)
{
    store->has_counted = false;
    return run_with(store, STATEMENT_AGE_DECISIONS, since_s, ret_reason) &&
           run_with(store, STATEMENT_AGE_COUNTS, since_s, ret_reason);
}

/* Counting reads an index whole, so it is done once and after what can't be followed. */
static bool count_decisions(struct store *store, struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_COUNT_DECISIONS];
    if (store->has_counted)
        return true;
    store->has_counted = sqlite3_step(statement) == SQLITE_ROW;
    store->decisions = sqlite3_column_int64(statement, 0);
    store->strangers = sqlite3_column_int64(statement, 1);
    if (!store->has_counted)
        (void)store_fail(store, ret_reason);
    (void)sqlite3_reset(statement);
    return store->has_counted || store_give_up(store);
}

bool store_trim_decisions(struct store *store, int64_t most, struct strbuf *ret_reason)
{
    if (!count_decisions(store, ret_reason))
        return false;
    if (store->strangers > most / 2) {
        int64_t excess = store->strangers - most / 2;
        if (!run_with(store, STATEMENT_TRIM_STRANGERS, excess, ret_reason))
            return false;
        store->strangers -= excess;
        store->decisions -= excess;
    }
    if (store->decisions <= most)
        return true;
    /* Who of them were strangers is not known. */
    store->has_counted = false;
    return run_with(store, STATEMENT_TRIM_DECISIONS, store->decisions - most, ret_reason);
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Ends a statement that gave rows: true when it gave them all. */
static bool end_rows(struct store *store, sqlite3_stmt *statement, int step, struct strbuf *ret_reason)
{
    if (step != SQLITE_DONE)
        (void)store_fail(store, ret_reason);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return step == SQLITE_DONE;
}

bool store_read_decisions(struct store *store, const struct stored_page *page,
                          void (*row)(const struct stored_decision *, void *), void *owner,
                          struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_READ_DECISIONS];
    int step;
    store_bind_number(statement, 1, page->outcome);
    store_bind_number(statement, 2, page->at_s);
    store_bind_number(statement, 3, page->id);
    store_bind_number(statement, 4, page->until_s);
    store_bind_number(statement, 5, page->most);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct stored_decision decision = {.id = sqlite3_column_int64(statement, 0),
                                           .at_s = sqlite3_column_int64(statement, 1),
                                           .outcome = page->outcome,
                                           .rule = store_column_span(statement, 2),
                                           .listener = store_column_span(statement, 3),
                                           .user = store_column_span(statement, 4),
                                           .network = store_column_span(statement, 5),
                                           .count = (uint32_t)sqlite3_column_int64(statement, 6)};
        row(&decision, owner);
    }
    return end_rows(store, statement, step, ret_reason);
}

bool store_sum_counts(struct store *store, int64_t since_s, int64_t until_s,
                      uint64_t ret_counts[JOURNAL_OUTCOME_COUNT], struct strbuf *ret_reason)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_SUM_COUNTS];
    uint64_t counts[JOURNAL_OUTCOME_COUNT] = {0};
    int step;
    store_bind_number(statement, 1, since_s - STORE_COUNT_S);
    store_bind_number(statement, 2, until_s);
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t outcome = sqlite3_column_int64(statement, 0);
        if (outcome >= 0 && outcome < JOURNAL_OUTCOME_COUNT)
            counts[outcome] = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    if (!end_rows(store, statement, step, ret_reason))
        return false;
    memcpy(ret_counts, counts, sizeof counts);
    return true;
}
