/*
 * Our own file and those of the roles, as they were when this supervisor started. They are held open:
 * a role that is started again is the same program as before, also when a new release lies on the disk
 * already, so that two ends of a channel are always of one release. Reload compares them with what
 * stands under their names now.
 */
#ifndef POSTERN_SUPERVISOR_EXECUTABLES_H
#define POSTERN_SUPERVISOR_EXECUTABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "supervisor/snapshot.h"

enum { EXECUTABLES_COUNT = 5 };

struct executable {
    int fd; /* O_PATH */
    struct file_identity identity;
    char *path; /* owned */
};

struct executables {
    struct executable at[EXECUTABLES_COUNT]; /* the first is our own */
};

/* The files beside our own. False with a sentence in problem. */
bool executables_open(struct executables *executables, struct strbuf *problem) MUST_USE;
void executables_fini(struct executables *executables);

/* True when a file stands under one of their names that is not the one we hold. */
bool executables_have_changed(const struct executables *executables);

/* The descriptor of the role's; name: as in struct role_kind. */
int executables_find(const struct executables *executables, const char *name);

/* The name under which a new release of ours would be. */
static inline const char *executables_own_path(const struct executables *executables)
{
    return executables->at[0].path;
}

#endif
