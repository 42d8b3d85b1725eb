/*
 * Puts a process into its place and joins it to the others, at the start of all and after each end;
 * see start.h. Called by supervisor.c and reload.c.
 */
#include "supervisor/start.h"

#include "base/log.h"
#include "supervisor/notify.h"
#include "supervisor/reload.h"

static bool start_can_join(const struct process *one, const struct process *other)
{
    return channel_is_open(&one->channel) && channel_is_open(&other->channel);
}

/* Tells both of a pair's ends. What does not arrive is told again to the next of them. */
static void start_tell_pair(struct process *one, const struct message *to_one, struct process *other,
                            const struct message *to_other)
{
    (void)channel_send(&one->channel, to_one);
    (void)channel_send(&other->channel, to_other);
}

static void start_close_pair(int ends[2])
{
    for (size_t i = 0; i < 2; i++)
        if (ends[i] >= 0)
            (void)close(ends[i]);
}

static void start_join_keeper(struct supervisor *supervisor, struct process *gate)
{
    int ends[2];
    struct process *keeper = &supervisor->keeper;
    if (!start_can_join(keeper, gate) || channel_pair(ends) < 0)
        return;
    struct message to_keeper = {
        .type = MESSAGE_gate_joined,
        .gate_joined = {.gate = (uint32_t)gate->number, .channel = ends[0], .signing = -1}};
    struct message to_gate = {.type = MESSAGE_keeper_joined, .keeper_joined = {.channel = ends[1]}};
    start_tell_pair(keeper, &to_keeper, gate, &to_gate);
    start_close_pair(ends);
}

/* Two channels: on one of them a gate waits for signatures, and for nothing else. */
static void start_join_broker(struct supervisor *supervisor, struct process *gate)
{
    int ends[2] = {-1, -1};
    int signing[2] = {-1, -1};
    struct process *broker = &supervisor->broker;
    if (start_can_join(broker, gate) && channel_pair(ends) == 0 && channel_pair(signing) == 0) {
        struct message to_broker = {.type = MESSAGE_gate_joined,
                                    .gate_joined = {.gate = (uint32_t)gate->number,
                                                    .channel = ends[0],
                                                    .signing = signing[0]}};
        struct message to_gate = {.type = MESSAGE_broker_joined,
                                  .broker_joined = {.channel = ends[1], .signing = signing[1]}};
        start_tell_pair(broker, &to_broker, gate, &to_gate);
    }
    start_close_pair(ends);
    start_close_pair(signing);
}

static void start_join_broker_and_keeper(struct supervisor *supervisor)
{
    int ends[2];
    struct process *keeper = &supervisor->keeper;
    struct process *broker = &supervisor->broker;
    if (!start_can_join(keeper, broker) || channel_pair(ends) < 0)
        return;
    struct message to_keeper = {.type = MESSAGE_broker_joined,
                                .broker_joined = {.channel = ends[0], .signing = -1}};
    struct message to_broker = {.type = MESSAGE_keeper_joined,
                                .keeper_joined = {.channel = ends[1]}};
    start_tell_pair(keeper, &to_keeper, broker, &to_broker);
    start_close_pair(ends);
}

/*
 * A gate hears of keeper and broker before it opens its doors; those two know their parts before the
 * gates.
 */
static void start_tell(struct supervisor *supervisor, struct process *process)
{
    bool is_keeper = process == &supervisor->keeper;
    bool is_broker = process == &supervisor->broker;
    if (!is_keeper && !is_broker) {
        start_join_keeper(supervisor, process);
        start_join_broker(supervisor, process);
    }
    process_configure(process, supervisor->running, supervisor->generation, supervisor->control);
    if (is_keeper || is_broker)
        start_join_broker_and_keeper(supervisor);
    if (is_keeper)
        formers_join(supervisor);
    for (unsigned i = 0; is_keeper && i < supervisor->gate_count; i++)
        start_join_keeper(supervisor, &supervisor->gates[i]);
    for (unsigned i = 0; is_broker && i < supervisor->gate_count; i++)
        start_join_broker(supervisor, &supervisor->gates[i]);
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

bool start_is_all_or_nothing(const struct supervisor *supervisor)
{
    return supervisor->phase == SUPERVISOR_STARTING && supervisor->arguments->handover < 0;
}

void start_process(struct supervisor *supervisor, struct process *process)
{
    auto_strbuf struct strbuf problem = STRBUF(SUPERVISOR_SENTENCE_MAX);
    if (process_start(process, &problem)) {
        start_tell(supervisor, process);
        return;
    }
    if (start_is_all_or_nothing(supervisor)) {
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
    if (supervisor->arguments->handover < 0) { /* else it was said, by the one before */
        ssize_t ignored = write(STDOUT_FILENO, line, sizeof line - 1);
        (void)ignored;
    } else {
        doors_steer(&supervisor->running->doors, supervisor->running->config);
        formers_drain(supervisor);
    }
    if (supervisor->reload_is_asked)
        reload_begin(supervisor, supervisor->reload_reads);
}

/* There is none, and no time is set for the next try. */
static bool start_is_due(const struct process *process)
{
    return process->phase == PROCESS_ABSENT && !evtimer_pending(process->restart, NULL);
}

static bool start_lacks_gates(const struct supervisor *supervisor)
{
    bool lacks = false;
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        lacks |= supervisor->gates[i].phase == PROCESS_ABSENT;
    return lacks;
}

/* The keeper first, then the broker: a gate's first login finds them. */
void start_advance(struct supervisor *supervisor)
{
    if (!supervisor_is_settled(supervisor) || supervisor->keeper.phase == PROCESS_ABSENT)
        return;
    if (start_is_due(&supervisor->broker))
        start_process(supervisor, &supervisor->broker);
    else if (supervisor->broker.phase == PROCESS_ABSENT)
        return;
    else if (start_lacks_gates(supervisor))
        start_absent(supervisor);
    else
        start_announce(supervisor);
}
