/*
 * Frees things between two events. A session that ends inside one of its own callbacks may not vanish
 * under the functions that are still running on it: it is put here, and freed when the loop comes
 * round.
 */
#ifndef POSTERN_BASE_REAPER_H
#define POSTERN_BASE_REAPER_H

#include <event2/event.h>
#include <event2/event_struct.h>

struct grave;
typedef void grave_bury_fn(struct grave *grave);

/* Embedded in what is to be freed; bury finds its owner with container_of. */
struct grave {
    struct grave *next;
    grave_bury_fn *bury;
};

struct reaper {
    struct event event;
    struct grave *graves;
};

/* Ends the process when the loop has no memory for it. */
void reaper_init(struct reaper *reaper, struct event_base *loop);

/* Buries what waits, and stops. */
void reaper_fini(struct reaper *reaper);

/* Has bury(grave) called once the current event is over. Once for each grave. */
void reaper_add(struct reaper *reaper, struct grave *grave, grave_bury_fn *bury);

#endif
