/*
 * All that one configuration consists of while it is in force: what the file said, copies of the
 * files that it names, and its listening sockets. Roles are sent it whole. A reload makes a second
 * one beside the first; one of the two is thrown away when the roles have answered.
 */
#ifndef POSTERN_SUPERVISOR_SETUP_H
#define POSTERN_SUPERVISOR_SETUP_H

#include "base/attributes.h"
#include "base/strbuf.h"
#include "config/config.h"
#include "supervisor/doors.h"
#include "supervisor/places.h"
#include "supervisor/snapshot.h"

enum {
    SETUP_OPERATORS_MAX = 1024, /* octets: what the message to the keeper takes */
    SETUP_CLIENT_CAS_MAX = 16,  /* as settings.def has it */
};

struct setup {
    struct config *config; /* owned; possibly by two setups, see setup_replace */
    struct snapshots files;
    struct doors doors;
    struct strbuf operators; /* uids, one a line */

    /* Of revoked certificates, one for each client_ca; -1: none (tables.h). */
    int tables[SETUP_CLIENT_CAS_MAX];
    unsigned lacking; /* one bit for each client_ca in whose table an authority has no list */
};

/*
 * Opens everything. running: the setup in force, NULL at start; inherited: sockets that are open
 * already; guard: which files of running's stay in force, whatever lies on the disk. Takes over config, or
 * shares running's. NULL with a sentence in problem; config is freed then, unless it is running's.
 */
struct setup *setup_new(struct config *config, const struct setup *running,
                        struct inherited *inherited, struct guard *guard,
                        struct strbuf *problem) MUST_USE;

/* Frees going, but not what staying (NULL: none) shares with it. Takes NULL. */
void setup_replace(struct setup *going, const struct setup *staying);

/* How many gates run: what the file says, or one a core. */
unsigned config_gate_count(const struct config *config);

/*
 * True when config can replace running without a restart. Else a sentence in problem names the
 * setting that can't change.
 */
bool config_can_replace(const struct config *config, const struct config *running,
                        struct strbuf *problem) MUST_USE;

#endif
