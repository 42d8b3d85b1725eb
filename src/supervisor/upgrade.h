/*
 * Another release of the executables was installed: SIGHUP then makes this process the new supervisor,
 * by exec, with all that runs in its hands. In steps, each of which leaves a service that works:
 *
 *   1. A trial: the new supervisor, as a child, reads what it would take over and the configuration,
 *      opens what is to be opened, and ends. If it does not like something, nothing has happened.
 *   2. Exec: same process, same descriptors; the roles go on and notice nothing.
 *   3. The former keeper lets go of the store and answers its gates from memory. New keeper, broker and
 *      gates are started, with the same listening sockets. Where one fails it is started again, for as
 *      long as it takes; meanwhile the former gates take the logins.
 *   4. All new ones are ready: the former gates are told to drain (former.h).
 *
 * So no two processes of different releases have to understand each other but for the messages that
 * never change.
 */
#ifndef POSTERN_SUPERVISOR_UPGRADE_H
#define POSTERN_SUPERVISOR_UPGRADE_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"

struct supervisor;


/* What the supervisor is started with; kept for the exec of the next one. */
struct start_arguments {
    const char *config_file;
    const char *program; /* argv[0] */
    int handover;        /* the descriptor of what it takes over; -1: it starts anew */
    int trial;           /* the same, but only to say whether it could; -1 */
};

/* A reload has found another release: starts the trial. */
void upgrade_begin(struct supervisor *supervisor);

/* The trial has ended, or a role has settled. */
void upgrade_trial_ended(struct supervisor *supervisor, int status);
void upgrade_advance(struct supervisor *supervisor);

/*
 * After the loop was left: when an upgrade is why, becomes the new supervisor and does not return. True
 * when that failed or has to wait, and the loop is to go on; false when the loop was left for the end.
 */
bool upgrade_execute(struct supervisor *supervisor) MUST_USE;

/*
 * The new supervisor could not take over, though its trial had said so: waits a little and tries again,
 * since what runs goes on without a supervisor only as long as this process lives.
 */
_Noreturn void upgrade_try_again(const struct start_arguments *arguments);

/* Signals were held back over the exec. */
void upgrade_release_signals(void);

#endif
