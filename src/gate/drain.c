/* Letting go of sessions after an upgrade; see drain.h. Called by gate.c. */
#include "gate/drain.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "gate/admission.h"
#include "gate/gate.h"
#include "gate/listener.h"

enum {
    DRAIN_TICK_MS = 250,
    DRAIN_LAST_PART = 4, /* a quarter of the time is for ending them */
};

uint32_t drain_share(uint32_t count, uint64_t left_ms)
{
    uint64_t ticks = left_ms / DRAIN_TICK_MS + 1;
    return (uint32_t)((count + ticks - 1) / ticks);
}

static bool relay_is_certified(const struct relay *relay)
{
    return relay->admission->certificate != NULL;
}

static uint32_t drain_count(const struct gate *gate, bool only_certified)
{
    const struct relay *relay;
    uint32_t count = 0;
    TAILQ_FOREACH (relay, &gate->relays.list, link)
        count += !only_certified || relay_is_certified(relay);
    return count;
}

/* Ends a share of them, from the one that was quiet longest. */
static void drain_thin_out(struct gate *gate, bool only_certified, uint64_t ends_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct relay *next;
    uint32_t share =
        drain_share(drain_count(gate, only_certified), ends_ms > now_ms ? ends_ms - now_ms : 0);
    for (struct relay *relay = TAILQ_FIRST(&gate->relays.list); relay != NULL && share > 0; relay = next) {
        next = TAILQ_NEXT(relay, link);
        if (only_certified && !relay_is_certified(relay))
            continue;
        relay_end(relay, RELAY_DRAINED);
        share--;
    }
}

static void drain_on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct gate *gate = argument;
    struct drain *drain = &gate->drain;
    (void)fd;
    (void)what;
    if (drain->certified_ends_ms != 0)
        drain_thin_out(gate, true, drain->certified_ends_ms);
    if (drain->is_begun && clock_monotonic_ms() >= drain->thins_out_ms)
        drain_thin_out(gate, false, drain->ends_ms);
}

void drain_init(struct drain *drain, struct gate *gate)
{
    *drain = (struct drain){.is_begun = false};
    invariant(event_assign(&drain->tick, gate->loop, -1, EV_PERSIST, drain_on_tick, gate) == 0);
}

void drain_fini(struct drain *drain)
{
    (void)event_del(&drain->tick);
}

static void drain_wake(struct drain *drain)
{
    struct timeval every = {.tv_usec = DRAIN_TICK_MS * 1000};
    if (!evtimer_pending(&drain->tick, NULL))
        (void)event_add(&drain->tick, &every);
}

/*
 * The supervisor and the next gate have the same sockets: who waits in them is accepted there. What
 * is closed here is only our own copy.
 */
static void drain_stop_accepting(struct gate *gate)
{
    for (size_t i = 0; gate->settings != NULL && i < gate->settings->listener_count; i++)
        listener_close(gate->settings->listeners[i]);
}

void drain_begin(struct gate *gate, uint32_t within_ms)
{
    struct drain *drain = &gate->drain;
    uint64_t now_ms = clock_monotonic_ms();
    struct log_record record;
    drain->is_begun = true;
    drain->ends_ms = now_ms + within_ms;
    drain->thins_out_ms = drain->ends_ms - within_ms / DRAIN_LAST_PART;
    gate->is_finishing = true;
    drain_stop_accepting(gate);
    log_begin(&record, LOG_INFO, "draining");
    log_number(&record, "sessions", drain_count(gate, false));
    log_number(&record, "connections", gate->connections);
    log_number(&record, "seconds", within_ms / 1000);
    log_end(&record);
    drain_wake(drain);
    if (gate->connections == 0)
        (void)event_base_loopexit(gate->loop, NULL);
}

void drain_end_certified(struct gate *gate, uint32_t within_ms)
{
    gate->drain.certified_ends_ms = clock_monotonic_ms() + within_ms;
    drain_wake(&gate->drain);
}
