/* Ends the roles in their order; see stop.h. Called by supervisor.c. */
#include "supervisor/stop.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "supervisor/notify.h"

/* The gates first, since what they still have in flight may need the others; the broker may ask the keeper. */
void stop_advance(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        if (process_is_alive(&supervisor->gates[i]))
            return;
    if (formers_exist(supervisor))
        return; /* their gates are told too, and their other roles follow by themselves */
    struct process *last[] = {&supervisor->broker, &supervisor->keeper};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
        if (!process_is_alive(last[i]))
            continue;
        if (last[i]->phase != PROCESS_ENDING)
            process_finish(last[i], SUPERVISOR_KEEPER_FINISH_MS);
        return;
    }
    (void)event_base_loopexit(supervisor->loop, NULL);
}

static bool is_gate(const struct process *process)
{
    return process->kind == &role_kind_gate;
}

static void stop_one(struct supervisor *supervisor, struct process *process)
{
    (void)supervisor;
    (void)evtimer_del(process->restart);
    if (is_gate(process) && process_is_alive(process))
        process_finish(process, SUPERVISOR_FINISH_MS);
}

static void stop_hasten_one(struct supervisor *supervisor, struct process *process)
{
    (void)supervisor;
    if (is_gate(process))
        process_kill(process);
}

static void stop_hasten(struct supervisor *supervisor)
{
    log_sentence(LOG_WARNING, "stopping", "told to stop a second time: gates are ended at once");
    supervisor_each(supervisor, stop_hasten_one);
    formers_each(supervisor, stop_hasten_one);
}

void stop_begin(struct supervisor *supervisor)
{
    if (supervisor->phase == SUPERVISOR_STOPPING) {
        if (clock_monotonic_ms() - supervisor->stopping_ms >= SUPERVISOR_SECOND_STOP_MS)
            stop_hasten(supervisor);
        return;
    }
    relay_release(&supervisor->relay);
    log_sentence(LOG_INFO, "stopping", "gates finish what they have, within %d s",
                 SUPERVISOR_FINISH_MS / 1000);
    notify_manager(NOTIFY_STOPPING);
    supervisor->phase = SUPERVISOR_STOPPING;
    supervisor->stopping_ms = clock_monotonic_ms();
    tables_cancel(&supervisor->tables);
    setup_replace(take(&supervisor->candidate), supervisor->running);
    doors_fini(&supervisor->running->doors);
    inherited_fini(&supervisor->inherited);
    supervisor_each(supervisor, stop_one);
    formers_stop(supervisor, SUPERVISOR_FINISH_MS);
    stop_advance(supervisor);
}
