/* Which changed files are kept out; see guard.h. Asked by snapshot.c, told by reload.c. */
#include "supervisor/guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

enum { GUARD_SHRUNK = 2 /* less than one part in so many is left: not what an update looks like */ };

static void guard_forget_trials(struct guard *guard)
{
    for (size_t i = 0; i < guard->trial_count; i++)
        free(guard->trials[i]);
    free(guard->trials);
    free(guard->trial);
    guard->trials = NULL;
    guard->trial_count = 0;
    guard->trial = NULL;
}

static void guard_forget_held(struct guard *guard)
{
    for (size_t i = 0; i < guard->held_count; i++)
        free(guard->held[i].path);
    free(guard->held);
    guard->held = NULL;
    guard->held_count = 0;
}

void guard_release(struct guard *guard)
{
    guard_forget_held(guard);
}

void guard_fini(struct guard *guard)
{
    guard_forget_trials(guard);
    guard_forget_held(guard);
}

void guard_begin(struct guard *guard, bool is_asked)
{
    guard->is_asked = is_asked;
    guard_forget_trials(guard);
    if (is_asked)
        guard_forget_held(guard);
}

bool guard_begin_next(struct guard *guard)
{
    free(guard->trial);
    guard->trial = NULL;
    if (guard->trial_count == 0)
        return false;
    guard->trial_count--;
    guard->trial = take(&guard->trials[guard->trial_count]);
    return true;
}

/* --- What is held --------------------------------------------------------------------------- */

static struct guarded_file *guard_find(struct guard *guard, const char *path)
{
    for (size_t i = 0; i < guard->held_count; i++)
        if (strcmp(guard->held[i].path, path) == 0)
            return &guard->held[i];
    return NULL;
}

/*
 * partner: as it was when the two were refused together; NULL: it does not matter. Without memory it is
 * judged again at the next reload, and refused again.
 */
static void guard_hold(struct guard *guard, const char *path, const struct file_identity *now,
                       const struct file_identity *partner)
{
    struct guarded_file hold = {.identity = *now, .has_partner = partner != NULL};
    if (partner != NULL)
        hold.partner = *partner;
    struct guarded_file *held = guard_find(guard, path);
    if (held != NULL) {
        char *same = held->path;
        *held = hold;
        held->path = same;
        return;
    }
    hold.path = strdup(path);
    struct guarded_file *grown =
        reallocarray(guard->held, guard->held_count + 1, sizeof *guard->held);
    if (grown != NULL)
        guard->held = grown;
    if (hold.path == NULL || grown == NULL)
        free(hold.path);
    else
        grown[guard->held_count++] = hold;
}

/* As it was when it was refused; and so is its partner, since a new key may make a certificate good. */
static bool guard_holds(struct guard *guard, const struct config_file *file,
                        const struct file_identity *now)
{
    const struct guarded_file *held = guard_find(guard, file->path);
    if (held == NULL || !file_is_same(&held->identity, now))
        return false;
    if (!held->has_partner || file->partner == NULL)
        return true;
    const struct file_identity partner = file_identify(file->partner);
    return file_is_same(&held->partner, &partner);
}

static bool guard_refuse(struct guard *guard, const struct config_file *file,
                         const struct file_identity *now, const struct file_identity *in_force,
                         const struct file_identity *partner, const char *reason)
{
    struct log_record record;
    log_begin(&record, LOG_ERROR, "file_refused");
    log_text(&record, "file", file->path);
    log_number(&record, "size", now->size);
    log_number(&record, "former_size", in_force->size);
    log_text(&record, "text", reason);
    log_end(&record);
    guard_hold(guard, file->path, now, partner);
    return true;
}

/* --- The questions -------------------------------------------------------------------------- */

/* While one file is tried alone, all others stay; but a certificate goes with its key. */
static bool guard_tries(const struct guard *guard, const struct config_file *file)
{
    return guard->trial == NULL || strcmp(guard->trial, file->path) == 0 ||
           (file->partner != NULL && strcmp(guard->trial, file->partner) == 0);
}

static bool file_is_there(const struct file_identity *identity)
{
    return identity->inode != 0;
}

static bool file_has_shrunk(const struct file_identity *now, const struct file_identity *in_force)
{
    return now->size < in_force->size / GUARD_SHRUNK;
}

bool guard_keeps(struct guard *guard, const struct config_file *file,
                 const struct file_identity *now, const struct file_identity *in_force)
{
    if (!guard_tries(guard, file) || guard_holds(guard, file, now))
        return true;
    if (file_is_there(now) && now->size == 0)
        return guard_refuse(guard, file, now, in_force, NULL,
                            "it is empty: what was read before stays in force; write it anew");
    if (!guard->is_asked && file->is_list && file_is_there(now) && file_has_shrunk(now, in_force))
        return guard_refuse(guard, file, now, in_force, NULL,
                            "it lost more than half of its size: what was read before stays in "
                            "force; if that is right, send SIGHUP (systemctl reload postern)");
    return false;
}

bool guard_keeps_unread(struct guard *guard, const struct config_file *file,
                        const struct file_identity *now, const struct file_identity *in_force,
                        const char *reason)
{
    if (guard->is_asked)
        return false;
    auto_strbuf struct strbuf text = STRBUF(256);
    strbuf_format(&text, "it can't be read: %s: what was read before stays in force; put it back",
                  reason);
    return guard_refuse(guard, file, now, in_force, NULL, strbuf_text(&text));
}

/* --- Whose fault was it ----------------------------------------------------------------------- */

struct blame {
    struct guard *guard;
    const struct snapshots *tried;
    const struct snapshots *in_force;
    const char *sentence; /* NULL: they are collected only */
};

/* The file, or NULL when it did not change. */
static const struct snapshot *blame_changed(const struct blame *blame, const char *path)
{
    const struct snapshot *tried = snapshots_entry(blame->tried, path);
    if (tried == NULL || snapshots_agree(blame->tried, blame->in_force, path))
        return NULL;
    return tried;
}

/* A certificate and its key are tried together, under the name that comes first. */
static bool blame_has(const struct guard *guard, const char *path)
{
    for (size_t i = 0; path != NULL && i < guard->trial_count; i++)
        if (strcmp(guard->trials[i], path) == 0)
            return true;
    return false;
}

static bool blame_collect(const struct config_file *file, void *argument)
{
    struct blame *blame = argument;
    struct guard *guard = blame->guard;
    if (blame_changed(blame, file->path) == NULL || blame_has(guard, file->path) ||
        blame_has(guard, file->partner))
        return true;
    char **grown = reallocarray(guard->trials, guard->trial_count + 1, sizeof *guard->trials);
    if (grown == NULL)
        return false;
    guard->trials = grown;
    char *copy = strdup(file->path);
    if (copy != NULL)
        grown[guard->trial_count++] = copy;
    return copy != NULL;
}

static bool blame_refuse(const struct config_file *file, void *argument)
{
    const struct blame *blame = argument;
    const struct snapshot *changed = blame_changed(blame, file->path);
    const struct snapshot *before = snapshots_entry(blame->in_force, file->path);
    const struct snapshot *partner =
        file->partner == NULL ? NULL : snapshots_entry(blame->tried, file->partner);
    if (changed != NULL && before != NULL && !guard_holds(blame->guard, file, &changed->identity))
        (void)guard_refuse(blame->guard, file, &changed->identity, &before->identity,
                           partner == NULL ? NULL : &partner->identity, blame->sentence);
    return true;
}

void guard_blame(struct guard *guard, const struct config *config, const struct snapshots *tried,
                 const struct snapshots *in_force, const char *sentence)
{
    struct blame blame = {
        .guard = guard, .tried = tried, .in_force = in_force, .sentence = sentence};
    if (guard->trial == NULL) {
        (void)config_visit_files(config, blame_collect, &blame);
        if (guard->trial_count > 1)
            return;
        guard_forget_trials(guard);
    }
    (void)config_visit_files(config, blame_refuse, &blame);
}
