/*
 * Notices that a file which the configuration names was replaced: at once where inotify reports its
 * directory, at the latest after ten seconds. Waits until the files rest, since a certificate and
 * its key are two files.
 */
#ifndef POSTERN_SUPERVISOR_WATCH_H
#define POSTERN_SUPERVISOR_WATCH_H

#include <event2/event.h>

#include "base/attributes.h"
#include "config/config.h"
#include "supervisor/snapshot.h"

/* are_lists: of all that is watched only revocation lists have changed. */
typedef void watch_changed_fn(void *owner, bool are_lists);

struct watched_file {
    char *path;                 /* owned */
    struct file_identity taken; /* as it was when the configuration was last tried */
    struct file_identity seen;  /* as it was at the last look */
    bool is_crl;                /* a list of revoked certificates */
};

struct watch {
    struct event_base *loop;
    watch_changed_fn *on_changed;
    void *owner;
    struct watched_file *files;
    size_t count;
    struct event *look;    /* timer: compares */
    struct event *stirred; /* inotify; NULL when it is not to be had */
    int inotify;           /* -1: none */
    bool is_stirred;       /* a look is due soon; more events don't put it off */
};

/* on_changed is called from the loop, once for each set of changes. 0 or -errno. */
int watch_init(struct watch *watch, struct event_base *loop, watch_changed_fn *on_changed,
               void *owner) MUST_USE;
void watch_fini(struct watch *watch);

/*
 * Watches the files of that configuration from now on, and takes them as they are. Called before
 * they are read: a change in between is then noticed rather than missed.
 */
void watch_remember(struct watch *watch, const struct config *config);

/* Whether that file has changed since it was taken, going by the last look. */
bool watch_has_changed(const struct watch *watch, const char *path);

/* Takes the revocation lists as the last look saw them. Called before they are read. */
void watch_take_lists(struct watch *watch);

/* Looks again soon: what changed could not be handled when it was reported. */
void watch_look_soon(struct watch *watch);

#endif
