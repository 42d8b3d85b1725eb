/*
 * Puts a process into its place and joins it to the others, at the start of all and after each end;
 * see start.h. Called by supervisor.c and reload.c.
 */
#include "supervisor/start.h"

#include "base/log.h"
#include "supervisor/notify.h"
#include "supervisor/reload.h"

/*
 * A channel between a gate and the keeper. What does not arrive is told again to the next of them.
 */
static void start_join(struct supervisor *supervisor, struct process *gate)
{
    int ends[2];
    struct process *keeper = &supervisor->keeper;
    if (!channel_is_open(&keeper->channel) || !channel_is_open(&gate->channel) ||
        channel_pair(ends) < 0)
        return;
    struct message to_keeper = {
        .type = MESSAGE_gate_joined,
        .gate_joined = {.gate = (uint32_t)gate->number, .channel = ends[0]}};
    struct message to_gate = {.type = MESSAGE_keeper_joined, .keeper_joined = {.channel = ends[1]}};
    (void)channel_send(&keeper->channel, &to_keeper);
    (void)channel_send(&gate->channel, &to_gate);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/*
 * A gate hears of the keeper before it opens its doors; the keeper knows its state before the
 * gates.
 */
static void start_tell(struct supervisor *supervisor, struct process *process)
{
    if (process != &supervisor->keeper)
        start_join(supervisor, process);
    process_configure(process, supervisor->running, supervisor->generation, supervisor->control);
    for (unsigned i = 0; process == &supervisor->keeper && i < supervisor->gate_count; i++)
        start_join(supervisor, &supervisor->gates[i]);
}

/*
 * The first failure of a start ends it; the sentence is all that is said, unless a role died of it.
 */
void start_fail(struct supervisor *supervisor, const char *sentence, bool says_all)
{
    if (supervisor->failure.len > 0)
        return;
    strbuf_append(&supervisor->failure, sentence);
    if (!says_all)
        relay_drop(&supervisor->relay);
    (void)event_base_loopbreak(supervisor->loop);
}

void start_process(struct supervisor *supervisor, struct process *process)
{
    auto_strbuf struct strbuf problem = STRBUF(SUPERVISOR_SENTENCE_MAX);
    if (process_start(process, &problem)) {
        start_tell(supervisor, process);
        return;
    }
    if (supervisor->phase == SUPERVISOR_STARTING) {
        start_fail(supervisor, strbuf_text(&problem), false);
        return;
    }
    log_sentence(LOG_ERROR, "role_failed", "%s", strbuf_text(&problem));
    if (!process_is_alive(process))
        process_restart_later(process);
}

static void start_one_absent(struct supervisor *supervisor, struct process *process)
{
    if (process->phase == PROCESS_ABSENT && !evtimer_pending(process->restart, NULL))
        start_process(supervisor, process);
}

void start_absent(struct supervisor *supervisor)
{
    supervisor_each(supervisor, start_one_absent);
}

static void start_announce(struct supervisor *supervisor)
{
    static const char line[] = "ready\n";
    supervisor->phase = SUPERVISOR_RUNNING;
    relay_release(&supervisor->relay);
    notify_manager(NOTIFY_READY);
    log_sentence(LOG_INFO, "ready", "every listener accepts");
    ssize_t ignored = write(STDOUT_FILENO, line, sizeof line - 1);
    (void)ignored;
    if (supervisor->reload_is_asked)
        reload_begin(supervisor, supervisor->reload_reads);
}

/* The keeper first: a gate's first login finds it. */
void start_advance(struct supervisor *supervisor)
{
    if (!supervisor_is_settled(supervisor))
        return;
    if (supervisor->gates[0].phase == PROCESS_ABSENT)
        start_absent(supervisor);
    else
        start_announce(supervisor);
}
