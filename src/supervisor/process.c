/* A role's process, its channel and its restarts; see process.h. Reports to supervisor.c. */
#include "supervisor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "supervisor/handover.h"
#include "supervisor/spawn.h"
#include "supervisor/supervisor.h"

enum { PROCESS_KILL_AFTER_MS = 2000, PROCESS_NAME_MAX = 32, PROCESS_REASON_MAX = 1024 };

void process_print(const struct process *process, struct strbuf *name)
{
    strbuf_append(name, process->kind->executable);
    if (process->number != PROCESS_NUMBER_NONE)
        strbuf_format(name, "/%d", process->number);
}

void process_print_end(int status, struct strbuf *text)
{
    if (WIFSIGNALED(status))
        strbuf_format(text, "was killed by SIG%s%s", sigabbrev_np(WTERMSIG(status)),
                      WTERMSIG(status) == SIGSYS ? " (a forbidden system call)" : "");
    else
        strbuf_format(text, "ended with status %d", WEXITSTATUS(status));
}

static void timer_set(struct event *timer, uint32_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    invariant(event_add(timer, &wait) == 0);
}

static void process_log(const struct process *process, enum log_level level, const char *event,
                        const char *key, struct span value)
{
    auto_strbuf struct strbuf name = STRBUF(PROCESS_NAME_MAX);
    struct log_record record;
    process_print(process, &name);
    log_begin(&record, level, event);
    log_span(&record, "role", strbuf_span(&name));
    if (process_is_alive(process))
        log_number(&record, "role_pid", process->pid);
    log_span(&record, key, value);
    log_end(&record);
}

/* --- What it says ------------------------------------------------------------------------- */

static void process_on_configured(struct process *process, const struct message *message)
{
    if (process->phase != PROCESS_CONFIGURING ||
        message->configured.generation != process->generation)
        return; /* the answer to what has been replaced meanwhile */
    process->phase = PROCESS_READY;
    (void)event_del(process->patience);
    supervisor_process_answered(process->supervisor, process);
}

static void process_on_refused(struct process *process, const struct message *message)
{
    if (process->phase != PROCESS_CONFIGURING ||
        message->configure_refused.generation != process->generation)
        return;
    auto_strbuf struct strbuf reason = STRBUF(PROCESS_REASON_MAX);
    strbuf_append_span(&reason, message->configure_refused.reason);
    process_log(process, LOG_ERROR, "role_refused", "reason", strbuf_span(&reason));
    process->phase = PROCESS_READY;
    (void)event_del(process->patience);
    supervisor_process_refused(process->supervisor, process, strbuf_text(&reason));
}

static void process_on_handed_over(struct process *process, const struct message *message)
{
    if (!process->is_former)
        return;
    (void)event_del(process->patience);
    if (!message->handed_over.is_stored)
        log_sentence(LOG_ERROR, "state_failed", "the last use of some devices was not stored");
    supervisor_process_handed_over(process->supervisor, process);
}

typedef void process_message_fn(struct process *process, const struct message *message);

static process_message_fn *const process_messages[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_configured] = process_on_configured,
    [MESSAGE_configure_refused] = process_on_refused,
    [MESSAGE_handed_over] = process_on_handed_over,
};

static void process_on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    process_message_fn *handle = process_messages[message->type];
    if (handle != NULL)
        handle(owner, message);
}

/* The process is gone and all that it said is read. */
static void process_end(struct process *process)
{
    bool was_asked = process->phase == PROCESS_ENDING && WIFEXITED(process->end_status) &&
                     WEXITSTATUS(process->end_status) == 0;
    auto_strbuf struct strbuf end = STRBUF(PROCESS_REASON_MAX);
    process_print_end(process->end_status, &end);
    process_log(process, was_asked ? LOG_INFO : LOG_ERROR, "role_ended", "how", strbuf_span(&end));
    (void)event_del(process->patience);
    process->pid = 0;
    process->is_reaped = false;
    process->phase = PROCESS_ABSENT;
    if (clock_monotonic_ms() - process->started_ms >= PROCESS_STEADY_MS)
        process->delay_ms = PROCESS_FIRST_DELAY_MS;
    supervisor_process_ended(process->supervisor, process, strbuf_text(&end));
}

/*
 * A process that closed its channel is on its way out, and may still have files to close; its end
 * is SIGCHLD's to tell. One that sent nonsense, or does not read, is ended.
 */
static void process_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct process *process = owner;
    (void)channel;
    if (end != CHANNEL_PEER_GONE)
        process_log(process, LOG_ERROR, "channel_closed", "reason", span_of(channel_end_text(end)));
    if (process->is_reaped)
        process_end(process);
    else if (end != CHANNEL_PEER_GONE)
        process_kill(process);
    else if (process->phase != PROCESS_ENDING)
        timer_set(process->patience, PROCESS_KILL_AFTER_MS);
}

/* --- Timers ------------------------------------------------------------------------------- */

static void process_on_restart(evutil_socket_t fd, short what, void *argument)
{
    struct process *process = argument;
    (void)fd;
    (void)what;
    supervisor_process_due(process->supervisor, process);
}

static void process_on_patience(evutil_socket_t fd, short what, void *argument)
{
    struct process *process = argument;
    (void)fd;
    (void)what;
    process_log(process, LOG_ERROR, "role_killed", "reason",
                process->phase == PROCESS_ENDING ? SPAN("did not end in time")
                                                 : SPAN("did not answer in time"));
    process_kill(process);
}

/* --- Life --------------------------------------------------------------------------------- */

int process_init(struct process *process, struct supervisor *supervisor,
                 const struct role_kind *kind, int number)
{
    *process = (struct process){.supervisor = supervisor,
                                .kind = kind,
                                .number = number,
                                .channel = {.fd = -1},
                                .delay_ms = PROCESS_FIRST_DELAY_MS};
    process->restart = evtimer_new(supervisor->loop, process_on_restart, process);
    process->patience = evtimer_new(supervisor->loop, process_on_patience, process);
    return process->restart == NULL || process->patience == NULL ? -ENOMEM : 0;
}

void process_fini(struct process *process)
{
    if (process->supervisor == NULL)
        return; /* never came to process_init */
    if (process_is_alive(process) && !process->is_reaped) {
        (void)kill(process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    process->pid = 0;
    channel_fini(&process->channel);
    if (process->restart != NULL)
        event_free(process->restart);
    if (process->patience != NULL)
        event_free(process->patience);
    process->restart = NULL;
    process->patience = NULL;
}

bool process_start(struct process *process, struct strbuf *problem)
{
    int fd = -1;
    invariant(!process_is_alive(process));
    struct supervisor *supervisor = process->supervisor;
    int executable = executables_find(&supervisor->executables, process->kind->executable);
    pid_t pid = spawn_role(process->kind, executable, process->number, &supervisor->places,
                           supervisor->relay.input, &fd, problem);
    if (pid < 0)
        return false;
    process->pid = pid;
    process->phase = PROCESS_CONFIGURING;
    process->generation = 0;
    process->started_ms = clock_monotonic_ms();
    if (channel_init(&process->channel, supervisor->loop, fd, ROLE_SUPERVISOR, process->kind->role,
                     process_on_message, process_on_closed, process) == 0)
        return true;
    strbuf_append(problem, "the event loop takes no more channels");
    process_kill(process);
    return false;
}

int process_adopt(struct process *process, pid_t pid, int fd)
{
    int result = channel_init(&process->channel, process->supervisor->loop, fd, ROLE_SUPERVISOR,
                              process->kind->role, process_on_message, process_on_closed, process);
    if (result < 0)
        return result;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    process->is_former = true;
    process->pid = pid;
    process->phase = PROCESS_READY;
    process->started_ms = clock_monotonic_ms();
    return 0;
}

void process_expect_answer(struct process *process)
{
    timer_set(process->patience, PROCESS_ANSWER_MS);
}

void process_expect_end(struct process *process, uint32_t within_ms)
{
    process->phase = PROCESS_ENDING;
    timer_set(process->patience, within_ms);
}

void process_print_handover(const struct process *process, struct strbuf *text, unsigned world,
                            uint64_t until_ms)
{
    if (!process_is_alive(process) || process->is_reaped || !channel_is_open(&process->channel))
        return;
    struct handover_role role = {.name = span_of(process->kind->executable),
                                 .number = process->number,
                                 .pid = process->pid,
                                 .fd = process->channel.fd,
                                 .world = world,
                                 .until_ms = until_ms};
    handover_print_role(text, &role);
}

void process_configure(struct process *process, const struct setup *setup, uint64_t generation,
                       int control)
{
    process->phase = PROCESS_CONFIGURING;
    process->generation = generation;
    timer_set(process->patience, PROCESS_ANSWER_MS);
    if (role_send_setup(process->kind, &process->channel, setup, generation, process->number,
                        control))
        return;
    if (!channel_is_open(&process->channel))
        return; /* it ended; SIGCHLD follows */
    process_log(process, LOG_ERROR, "role_killed", "reason",
                SPAN("the configuration has a list that is too long for it"));
    process_kill(process);
}

void process_finish(struct process *process, uint32_t within_ms)
{
    struct message message = {.type = MESSAGE_finish, .finish = {.within_ms = within_ms}};
    process->phase = PROCESS_ENDING;
    timer_set(process->patience, within_ms + PROCESS_KILL_AFTER_MS);
    if (!channel_send(&process->channel, &message))
        process_kill(process);
}

void process_kill(struct process *process)
{
    if (process_is_alive(process) && !process->is_reaped)
        (void)kill(process->pid, SIGKILL);
    process->phase = PROCESS_ENDING;
}

void process_reaped(struct process *process, int status)
{
    process->end_status = status;
    process->is_reaped = true;
    if (!channel_is_open(&process->channel))
        process_end(process);
}

void process_restart_later(struct process *process)
{
    auto_strbuf struct strbuf delay = STRBUF(16);
    strbuf_append_u64(&delay, process->delay_ms);
    process_log(process, LOG_INFO, "role_restarts", "in_ms", strbuf_span(&delay));
    timer_set(process->restart, process->delay_ms);
    process->delay_ms = process->delay_ms * 2 < PROCESS_LAST_DELAY_MS ? process->delay_ms * 2
                                                                      : PROCESS_LAST_DELAY_MS;
}
