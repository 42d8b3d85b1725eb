/*
 * Health checks: every address of every backend is asked for its greeting and capabilities now and
 * then, so that a login goes to one that answers and an address that came back is used again.
 */
#ifndef POSTERN_BACKEND_HEALTH_H
#define POSTERN_BACKEND_HEALTH_H

#include <stddef.h>

struct backend;
struct event_base;
struct health_check;
struct reaper;

struct health {
    struct health_check *checks; /* one an address; owned */
    size_t count;
};

/* Starts to check these backends, which must outlive it. */
void health_start(struct health *health, struct event_base *loop, struct reaper *reaper,
                  struct backend *const *backends, size_t backend_count);

/* Stops; may be called when nothing was started. */
void health_stop(struct health *health);

#endif
