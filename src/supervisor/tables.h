/*
 * Makes the tables of revoked certificates (pki/revocations.h), one for each client_ca that names lists.
 * The supervisor opens the lists and reads none: a process of the role revocations reads them, writes the
 * table into a memory file, and ends; then the file is sealed and belongs to the setup. They are made one
 * after the other, each within TABLES_PATIENCE_MS. Where one fails, the table in force stays.
 */
#ifndef POSTERN_SUPERVISOR_TABLES_H
#define POSTERN_SUPERVISOR_TABLES_H

#include <event2/event.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "channel/channel.h"
#include "supervisor/setup.h"

enum { TABLES_PATIENCE_MS = 90000, TABLES_LISTS_MAX = 8 /* of one client_ca, as settings.def has it */ };

struct supervisor;

struct tables {
    struct supervisor *supervisor;
    struct setup *setup;        /* whose tables are being made; NULL: none */
    const struct setup *former; /* whose tables are in force; may be the same */
    unsigned wanted;            /* one bit for each client_ca that is still to come */
    unsigned made;
    size_t client_ca; /* the one at work */
    pid_t pid;        /* 0: none at work */
    int table;        /* what it writes; -1: none */
    struct channel channel;
    struct event *patience; /* timer */
    uint64_t started_ms;
};

/* 0 or -errno. */
int tables_init(struct tables *tables, struct supervisor *supervisor) MUST_USE;
void tables_fini(struct tables *tables);

/* One bit for each client_ca of the setup that names lists. */
unsigned tables_all(const struct setup *setup);

/*
 * Makes those of setup that are wanted, then calls supervisor_tables_made(), from in here when there is
 * nothing to do. former: the setup in force, which may be the same; both live until then, or until
 * tables_cancel().
 */
void tables_make(struct tables *tables, struct setup *setup, const struct setup *former, unsigned wanted);

/* True when both setups have the same tables: nobody reads them for that. */
bool tables_agree(const struct setup *a, const struct setup *b);

/* The first client_ca that lacks a list in setup and did not in former; NULL when there is none. */
const char *tables_find_lack(const struct setup *setup, const struct setup *former);

/* Ends what is at work; nobody is told. */
void tables_cancel(struct tables *tables);

/* True when the process was at work here; goes on then. */
bool tables_reaped(struct tables *tables, pid_t pid, int status);

#endif
