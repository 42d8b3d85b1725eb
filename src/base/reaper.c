/* Frees ended sessions, relays and backend logins between events; see reaper.h. */
#include "base/reaper.h"

#include <stddef.h>

#include "base/invariant.h"

static void reaper_bury_all(struct reaper *reaper)
{
    while (reaper->graves != NULL) {
        struct grave *grave = reaper->graves;
        reaper->graves = grave->next;
        grave->bury(grave);
    }
}

static void reaper_on_event(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    reaper_bury_all(argument);
}

void reaper_init(struct reaper *reaper, struct event_base *loop)
{
    reaper->graves = NULL;
    invariant(event_assign(&reaper->event, loop, -1, 0, reaper_on_event, reaper) == 0);
}

void reaper_fini(struct reaper *reaper)
{
    (void)event_del(&reaper->event);
    reaper_bury_all(reaper);
}

void reaper_add(struct reaper *reaper, struct grave *grave, grave_bury_fn *bury)
{
    grave->bury = bury;
    grave->next = reaper->graves;
    reaper->graves = grave;
    event_active(&reaper->event, EV_TIMEOUT, 0);
}
