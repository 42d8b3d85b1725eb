/*
 * Changing the configuration of running roles: all of them take the new one, or all keep the old.
 * What is wrong is logged, a record for each error, and nothing changes.
 */
#ifndef POSTERN_SUPERVISOR_RELOAD_H
#define POSTERN_SUPERVISOR_RELOAD_H

#include "supervisor/supervisor.h"

/* reads_file: the file itself is read again (SIGHUP), not only those that it names (watch.h). */
void reload_begin(struct supervisor *supervisor, bool reads_file);

/* Back to running, or to where an upgrade began; what came up meanwhile is done now. */
void reload_end(struct supervisor *supervisor);

/*
 * Lists of revoked certificates have changed, and nothing else: the roles get new tables beside the
 * configuration that they have.
 */
void reload_lists(struct supervisor *supervisor);

/* Sends those tables of the running setup to all that rest on them. */
void reload_send_tables(struct supervisor *supervisor, unsigned made);

/* While preparing: the tables are made, but for those of which the former stays. */
void reload_tables_made(struct supervisor *supervisor, unsigned made);

/* While reloading or restoring: a role refused, or ended. */
void reload_fail(struct supervisor *supervisor, const char *sentence);

/* While reloading or restoring: goes on when all have answered. */
void reload_advance(struct supervisor *supervisor);

/*
 * When files that changed together were refused: tries the next of them alone, as soon as every role is
 * there to say what it thinks of it.
 */
void reload_try_next(struct supervisor *supervisor);

#endif
