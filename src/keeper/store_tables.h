/*
 * The tables of the state database, as the steps that made them: a new file takes all of them, an older
 * one those that it lacks. A step that was released is never changed; what comes later is another step.
 */
#ifndef POSTERN_KEEPER_STORE_TABLES_H
#define POSTERN_KEEPER_STORE_TABLES_H

enum { STORE_VERSION = 4 }; /* of the tables; in user_version, which each step sets */

/* By the version that they begin with; each is one transaction. */
extern const char *const store_migrations[STORE_VERSION];

#endif
