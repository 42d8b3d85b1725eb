/* Watches certificates, keys and revocation lists for changes; see watch.h. Starts reloads. */
#include "supervisor/watch.h"

#include <errno.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "supervisor/places.h"

enum {
    WATCH_EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB,
    WATCH_INTERVAL_S = 10,
    WATCH_REST_US = 300000, /* files that differ must have rested for so long */
};

static void watch_look_in(struct watch *watch, time_t seconds, suseconds_t microseconds)
{
    struct timeval wait = {.tv_sec = seconds, .tv_usec = microseconds};
    (void)event_add(watch->look, &wait);
}

/* The file changed since the last look; or: since the configuration was tried. */
static bool watch_is_moving(struct watched_file *file)
{
    struct file_identity now = file_identify(file->path);
    bool is_moving = !file_is_same(&now, &file->seen);
    file->seen = now;
    return is_moving;
}

static bool watched_has_changed(const struct watched_file *file)
{
    return !file_is_same(&file->seen, &file->taken);
}

static void watch_on_look(evutil_socket_t fd, short what, void *argument)
{
    struct watch *watch = argument;
    bool is_moving = false;
    bool is_changed = false;
    bool are_lists = true;
    (void)fd;
    (void)what;
    watch->is_stirred = false;
    for (size_t i = 0; i < watch->count; i++) {
        is_moving |= watch_is_moving(&watch->files[i]);
        bool has_changed = watched_has_changed(&watch->files[i]);
        is_changed |= has_changed;
        are_lists &= !has_changed || watch->files[i].is_crl;
    }
    if (is_moving)
        watch_look_in(watch, 0, WATCH_REST_US);
    else
        watch_look_in(watch, WATCH_INTERVAL_S, 0);
    if (is_changed && !is_moving)
        watch->on_changed(watch->owner, are_lists);
}

/* Which file it was does not matter: the look will tell. */
static void watch_on_stirred(evutil_socket_t fd, short what, void *argument)
{
    struct watch *watch = argument;
    char events[4096] UNINITIALIZED;
    (void)what;
    while (read(fd, events, sizeof events) > 0)
        ;
    if (watch->is_stirred)
        return;
    watch->is_stirred = true;
    watch_look_in(watch, 0, WATCH_REST_US);
}

static void watch_close_inotify(struct watch *watch)
{
    if (watch->stirred != NULL)
        event_free(watch->stirred);
    if (watch->inotify >= 0)
        (void)close(watch->inotify);
    watch->stirred = NULL;
    watch->inotify = -1;
}

/* Without inotify the look every ten seconds is all there is, and enough. */
static void watch_open_inotify(struct watch *watch)
{
    watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->inotify < 0)
        return;
    for (size_t i = 0; i < watch->count; i++) {
        auto_free char *directory = path_directory(watch->files[i].path);
        if (directory != NULL)
            (void)inotify_add_watch(watch->inotify, directory, WATCH_EVENTS);
    }
    watch->stirred =
        event_new(watch->loop, watch->inotify, EV_READ | EV_PERSIST, watch_on_stirred, watch);
    if (watch->stirred == NULL || event_add(watch->stirred, NULL) != 0)
        watch_close_inotify(watch);
}

static void watch_forget(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        free(watch->files[i].path);
    free(watch->files);
    watch->files = NULL;
    watch->count = 0;
}

static bool watch_add(struct watch *watch, const char *path, bool is_crl)
{
    struct watched_file *grown = reallocarray(watch->files, watch->count + 1, sizeof *grown);
    if (grown == NULL)
        return false;
    watch->files = grown;
    char *copy = strdup(path);
    if (copy == NULL)
        return false;
    struct file_identity now = file_identify(path);
    grown[watch->count++] =
        (struct watched_file){.path = copy, .taken = now, .seen = now, .is_crl = is_crl};
    return true;
}

static bool watch_add_file(const struct config_file *file, void *argument)
{
    return watch_add(argument, file->path, false);
}

static bool watch_add_crl(const struct config_file *file, void *argument)
{
    return watch_add(argument, file->path, true);
}

int watch_init(struct watch *watch, struct event_base *loop, watch_changed_fn *on_changed,
               void *owner)
{
    *watch = (struct watch){.loop = loop, .on_changed = on_changed, .owner = owner, .inotify = -1};
    watch->look = evtimer_new(loop, watch_on_look, watch);
    return watch->look == NULL ? -ENOMEM : 0;
}

void watch_remember(struct watch *watch, const struct config *config)
{
    watch_close_inotify(watch);
    watch_forget(watch);
    /* What memory does not allow is not watched. */
    (void)config_visit_files(config, watch_add_file, watch);
    (void)config_visit_lists(config, watch_add_crl, watch);
    watch_open_inotify(watch);
    watch->is_stirred = false; /* the look that this had set is put off by the next line */
    watch_look_in(watch, WATCH_INTERVAL_S, 0);
}

bool watch_has_changed(const struct watch *watch, const char *path)
{
    for (size_t i = 0; i < watch->count; i++)
        if (strcmp(watch->files[i].path, path) == 0 && watched_has_changed(&watch->files[i]))
            return true;
    return false;
}

void watch_take_lists(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        if (watch->files[i].is_crl)
            watch->files[i].taken = watch->files[i].seen;
}

void watch_look_soon(struct watch *watch)
{
    watch_look_in(watch, 0, WATCH_REST_US);
}

void watch_fini(struct watch *watch)
{
    watch_close_inotify(watch);
    watch_forget(watch);
    if (watch->look != NULL)
        event_free(watch->look);
    watch->look = NULL;
}
