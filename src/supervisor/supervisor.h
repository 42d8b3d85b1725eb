/*
 * The parent of all: it opens what others may not, starts them, tells them what to do, joins them
 * by channels, and starts again what ends. It reads no byte that came from the network or a
 * download. There is one phase; start.c, reload.c and stop.c each move it through their own part.
 */
#ifndef POSTERN_SUPERVISOR_SUPERVISOR_H
#define POSTERN_SUPERVISOR_SUPERVISOR_H

#include <event2/event.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "supervisor/executables.h"
#include "supervisor/former.h"
#include "supervisor/guard.h"
#include "supervisor/places.h"
#include "supervisor/process.h"
#include "supervisor/relay.h"
#include "supervisor/setup.h"
#include "supervisor/tables.h"
#include "supervisor/upgrade.h"
#include "supervisor/watch.h"

enum supervisor_phase {
    SUPERVISOR_STARTING,  /* keeper, broker, then the gates, take the first setup, or all ends */
    SUPERVISOR_RUNNING,
    SUPERVISOR_PREPARING, /* lists of revoked certificates are read, of the candidate if there is one */
    SUPERVISOR_RELOADING, /* the roles were sent the candidate and have not all answered */
    SUPERVISOR_RESTORING, /* one refused it: the others take the running setup again */
    SUPERVISOR_UPGRADING, /* another release is tried, and takes over when it is well */
    SUPERVISOR_STOPPING,  /* the gates finish, then broker and keeper */
};

enum {
    SUPERVISOR_PROBLEM_MAX = 65536, /* octets of what is wrong with a configuration */
    SUPERVISOR_FINISH_MS = 30000,   /* that a gate has to let go of what is in flight */
    SUPERVISOR_KEEPER_FINISH_MS = 5000,
    SUPERVISOR_SECOND_STOP_MS = 1000, /* a signal sooner is the first one, sent to all */
    SUPERVISOR_SENTENCE_MAX = 2048,
    SUPERVISOR_SIGNALS = 4,
};

struct supervisor {
    struct event_base *loop;
    enum supervisor_phase phase;
    enum supervisor_phase phase_before; /* while upgrading: what is gone back to */
    pid_t trial;                        /* of another release; 0: none */
    bool is_tried;                      /* and it went well */
    const struct start_arguments *arguments;
    struct executables executables;
    struct places places;
    struct inherited inherited; /* listening sockets that were passed at start */
    struct setup *running;   /* what the roles have, or at start are to get */
    struct setup *candidate; /* while preparing for or doing a reload */
    uint64_t generation;     /* of what was sent last */
    struct formers formers;
    struct process keeper;
    struct process broker;
    struct process gates[DOOR_GATES_MAX];
    unsigned gate_count;
    int control;        /* the listening control socket */
    struct relay relay; /* of the roles' log */
    struct watch watch;
    struct guard guard; /* of the files */
    struct tables tables; /* of revoked certificates, being made */
    struct event *signals[SUPERVISOR_SIGNALS];
    uint64_t stopping_ms;  /* when told to stop */
    bool reload_is_asked;  /* again, while one was going on */
    bool reload_reads;     /* and the file itself is to be read */
    bool reload_waits_for_lists; /* the last was refused for want of one */
    struct strbuf failure; /* why the start failed; empty: it did not */
};

/*
 * Opens everything, or takes it over from the supervisor before; nothing new runs yet. False with what
 * is wrong, a line each, in problem.
 */
bool supervisor_init(struct supervisor *supervisor, const struct start_arguments *arguments,
                     struct strbuf *problem) MUST_USE;
void supervisor_fini(struct supervisor *supervisor);

/*
 * Starts the roles and runs until SIGTERM or SIGINT has ended them all. False when the start
 * failed, with a sentence in problem.
 */
bool supervisor_run(struct supervisor *supervisor, struct strbuf *problem) MUST_USE;

/* Called by process.c: what became of a role's process. */
void supervisor_process_answered(struct supervisor *supervisor, struct process *process);
void supervisor_process_refused(struct supervisor *supervisor, struct process *process,
                                const char *reason);
void supervisor_process_ended(struct supervisor *supervisor, struct process *process,
                              const char *how);
void supervisor_process_handed_over(struct supervisor *supervisor, struct process *process);
void supervisor_process_due(struct supervisor *supervisor, struct process *process);

/* Called by tables.c: they are made, but for those of which the former stays. made: as tables_all(). */
void supervisor_tables_made(struct supervisor *supervisor, unsigned made);

/* Calls visit for the keeper, the broker and each gate. */
typedef void process_visit_fn(struct supervisor *supervisor, struct process *process);
void supervisor_each(struct supervisor *supervisor, process_visit_fn *visit);

/* True when no process owes an answer to the setup that it was sent. */
bool supervisor_is_settled(struct supervisor *supervisor);

/* True when every process lives and has taken the setup. */
bool supervisor_is_whole(const struct supervisor *supervisor);

/* A sentence about a process: "gate/1 refused the configuration: …". */
void process_explain(const struct process *process, const char *what, const char *reason,
                     struct strbuf *sentence);

#endif
