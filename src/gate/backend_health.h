/*
 * Health checks: every address of every backend is asked for its greeting and capabilities now and
 * then, so that a login goes to one that answers and an address that came back is used again.
 */
#ifndef POSTERN_GATE_BACKEND_HEALTH_H
#define POSTERN_GATE_BACKEND_HEALTH_H

#include <stddef.h>

struct gate;
struct health_check;
struct settings;

struct health {
    struct health_check *checks; /* one an address; owned */
    size_t count;
};

/* Starts to check the backends of these settings, which must outlive it. */
void health_start(struct health *health, struct gate *gate, struct settings *settings);

/* Stops; may be called when nothing was started. */
void health_stop(struct health *health);

#endif
