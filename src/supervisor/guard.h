/*
 * Keeps a file of the configuration out when what lies on the disk now can't be meant, and has the
 * copy in force stay: one that is empty; and after a change that nobody announced by SIGHUP also one
 * that is gone or can't be read, a list that lost more than half of its octets, and one with which a
 * role refused the configuration or died of it. Each is one event, file_refused; what else changed
 * takes effect. A file that was refused is tried again when it has changed once more, or at SIGHUP.
 */
#ifndef POSTERN_SUPERVISOR_GUARD_H
#define POSTERN_SUPERVISOR_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "supervisor/snapshot.h"

struct guarded_file {
    char *path; /* owned */
    struct file_identity identity;
    bool has_partner;             /* refused together with its key or certificate */
    struct file_identity partner; /* as that was */
};

struct guard {
    bool is_asked;             /* by SIGHUP: a list may have become small */
    struct guarded_file *held; /* as they lie on the disk they are not in force; owned */
    size_t held_count;
    char **trials; /* files that changed together, to be tried one at a time; owned */
    size_t trial_count;
    char *trial; /* which alone may change now; NULL: all may; owned */
};

void guard_fini(struct guard *guard);

/* What was refused is to be judged again, since something else has changed that it rested on. */
void guard_release(struct guard *guard);

/* A reload begins that tries all files. is_asked: by SIGHUP, so what was refused is forgotten. */
void guard_begin(struct guard *guard, bool is_asked);

/* True when one of the files that changed together is to be tried now. */
bool guard_begin_next(struct guard *guard) MUST_USE;

/* True when the copy in force is to stay. Logs what is refused. now: the file as it lies there. */
bool guard_keeps(struct guard *guard, const struct config_file *file,
                 const struct file_identity *now, const struct file_identity *in_force) MUST_USE;

/* The same for a file that could not be read, and why. */
bool guard_keeps_unread(struct guard *guard, const struct config_file *file,
                        const struct file_identity *now, const struct file_identity *in_force,
                        const char *reason) MUST_USE;

/*
 * The roles did not take tried, in which only files differ from in_force. One that changed alone is
 * to blame, and is refused with that sentence; several are tried one at a time.
 */
void guard_blame(struct guard *guard, const struct config *config, const struct snapshots *tried,
                 const struct snapshots *in_force, const char *sentence);

#endif
