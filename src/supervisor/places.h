/*
 * Users and directories: as whom each role runs, and where. Looked up once; what changes them needs
 * a restart.
 */
#ifndef POSTERN_SUPERVISOR_PLACES_H
#define POSTERN_SUPERVISOR_PLACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "config/config.h"

struct account {
    uid_t uid;
    gid_t gid;
};

struct places {
    bool drops_privilege; /* started as root: roles become their own users */
    struct account gate;
    struct account keeper;
    struct account broker;
    char *state_directory; /* the keeper's root; owned */
    char *empty_root;      /* the gates' and the broker's root; owned: a reload frees the configuration */
};

/*
 * Finds the users, makes the directories that are missing and checks those that are there. False
 * with a sentence in problem.
 */
bool places_prepare(struct places *places, const struct config *config,
                    struct strbuf *problem) MUST_USE;
void places_fini(struct places *places);

/* Appends the uids of the operators and of who started Postern, one a line. */
bool places_list_operators(const struct config *config, struct strbuf *uids,
                           struct strbuf *problem) MUST_USE;

/*
 * Makes the directory that path lies in, if it is missing: one level, for /run, which is empty
 * after each boot. False with a sentence that begins with the setting's name.
 */
bool places_make_parent(const char *setting, const char *path, mode_t mode,
                        struct strbuf *problem) MUST_USE;

/*
 * The part of path before its last slash ("/" for a file in the root), owned by the caller; or
 * NULL.
 */
char *path_directory(const char *path);

/* The part after it. */
const char *path_name(const char *path);

#endif
