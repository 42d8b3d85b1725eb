/*
 * The frame of the supervisor: signals, what became of a process, and who hears of it; see
 * supervisor.h. start.c, reload.c and stop.c say what it means in each phase.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/log.h"
#include "supervisor/control.h"
#include "supervisor/reload.h"
#include "supervisor/start.h"
#include "supervisor/stop.h"

void supervisor_each(struct supervisor *supervisor, process_visit_fn *visit)
{
    visit(supervisor, &supervisor->keeper);
    visit(supervisor, &supervisor->broker);
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        visit(supervisor, &supervisor->gates[i]);
}

static bool is_settled(const struct process *process)
{
    return process->phase == PROCESS_READY || process->phase == PROCESS_ABSENT;
}

bool supervisor_is_settled(struct supervisor *supervisor)
{
    bool are_settled = is_settled(&supervisor->keeper) && is_settled(&supervisor->broker);
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        are_settled &= is_settled(&supervisor->gates[i]);
    return are_settled;
}

void process_explain(const struct process *process, const char *what, const char *reason,
                     struct strbuf *sentence)
{
    process_print(process, sentence);
    strbuf_format(sentence, " %s%s", what, reason);
}

/* --- What became of a process ------------------------------------------------------------- */

static void supervisor_advance(struct supervisor *supervisor)
{
    switch (supervisor->phase) {
    case SUPERVISOR_STARTING:
        start_advance(supervisor);
        break;
    case SUPERVISOR_RELOADING:
    case SUPERVISOR_RESTORING:
        reload_advance(supervisor);
        break;
    case SUPERVISOR_STOPPING:
        stop_advance(supervisor);
        break;
    case SUPERVISOR_RUNNING:
        break;
    }
}

void supervisor_process_answered(struct supervisor *supervisor, struct process *process)
{
    (void)process;
    supervisor_advance(supervisor);
}

void supervisor_process_refused(struct supervisor *supervisor, struct process *process,
                                const char *reason)
{
    auto_strbuf struct strbuf sentence = STRBUF(SUPERVISOR_SENTENCE_MAX);
    process_explain(process, "refuses the configuration: ", reason, &sentence);
    if (supervisor->phase == SUPERVISOR_STARTING)
        start_fail(supervisor, reason, false);
    else if (supervisor->phase == SUPERVISOR_RELOADING)
        reload_fail(supervisor, strbuf_text(&sentence));
    else
        process_kill(process); /* it can't work with what all others have: it is to start afresh */
}

void supervisor_process_ended(struct supervisor *supervisor, struct process *process,
                              const char *how)
{
    auto_strbuf struct strbuf sentence = STRBUF(SUPERVISOR_SENTENCE_MAX);
    process_explain(process, how, "", &sentence);
    if (supervisor->phase == SUPERVISOR_STARTING) {
        start_fail(supervisor, strbuf_text(&sentence), true);
        return;
    }
    if (supervisor->phase != SUPERVISOR_STOPPING)
        process_restart_later(process);
    reload_fail(supervisor, strbuf_text(&sentence));
    supervisor_advance(supervisor);
}

void supervisor_process_due(struct supervisor *supervisor, struct process *process)
{
    if (supervisor->phase == SUPERVISOR_RUNNING)
        start_process(supervisor, process);
}

/* --- Signals ------------------------------------------------------------------------------ */

static struct process *supervisor_find(struct supervisor *supervisor, pid_t pid)
{
    if (supervisor->keeper.pid == pid)
        return &supervisor->keeper;
    if (supervisor->broker.pid == pid)
        return &supervisor->broker;
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        if (supervisor->gates[i].pid == pid)
            return &supervisor->gates[i];
    return NULL;
}

static void supervisor_reap(struct supervisor *supervisor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct process *process = supervisor_find(supervisor, pid);
        if (process != NULL)
            process_reaped(process, status);
    }
}

static void supervisor_on_signal(evutil_socket_t number, short what, void *argument)
{
    struct supervisor *supervisor = argument;
    (void)what;
    if (number == SIGCHLD)
        supervisor_reap(supervisor);
    else if (number == SIGHUP && supervisor->phase != SUPERVISOR_STOPPING)
        reload_begin(supervisor, true);
    else if (number != SIGHUP)
        stop_begin(supervisor);
}

static void supervisor_on_files_changed(void *owner)
{
    struct supervisor *supervisor = owner;
    if (supervisor->phase != SUPERVISOR_STOPPING)
        reload_begin(supervisor, false);
}

static bool supervisor_take_signals(struct supervisor *supervisor)
{
    static const int numbers[SUPERVISOR_SIGNALS] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};
    for (size_t i = 0; i < SUPERVISOR_SIGNALS; i++) {
        supervisor->signals[i] =
            evsignal_new(supervisor->loop, numbers[i], supervisor_on_signal, supervisor);
        if (supervisor->signals[i] == NULL || evsignal_add(supervisor->signals[i], NULL) != 0)
            return false;
    }
    return true;
}

/* --- The whole ---------------------------------------------------------------------------- */

static bool supervisor_make_processes(struct supervisor *supervisor)
{
    if (process_init(&supervisor->keeper, supervisor, &role_kind_keeper, PROCESS_NUMBER_NONE) < 0 ||
        process_init(&supervisor->broker, supervisor, &role_kind_broker, PROCESS_NUMBER_NONE) < 0)
        return false;
    for (unsigned i = 0; i < supervisor->running->doors.gates; i++) {
        supervisor->gate_count = i + 1;
        if (process_init(&supervisor->gates[i], supervisor, &role_kind_gate, (int)i) < 0)
            return false;
    }
    return true;
}

/* The loop and what hangs on it. */
static bool supervisor_make_loop(struct supervisor *supervisor)
{
    supervisor->loop = event_base_new();
    return supervisor->loop != NULL && supervisor_take_signals(supervisor) &&
           relay_init(&supervisor->relay, supervisor->loop) == 0 &&
           watch_init(&supervisor->watch, supervisor->loop, supervisor_on_files_changed,
                      supervisor) == 0 &&
           supervisor_make_processes(supervisor);
}

/* Whoever connects to a socket that no gate accepts from would wait there for ever. */
static bool supervisor_uses_all_sockets(const struct supervisor *supervisor, struct strbuf *problem)
{
    const struct inherited_socket *unused = inherited_unused(&supervisor->inherited);
    if (unused == NULL)
        return true;
    strbuf_append(problem, "the service manager passed a socket for ");
    endpoint_print(&unused->endpoint, problem);
    strbuf_append(problem, ", to which no listener is bound; bind one there, or take it out of the "
                           "socket unit");
    return false;
}

bool supervisor_init(struct supervisor *supervisor, const char *config_file, struct strbuf *problem)
{
    *supervisor = (struct supervisor){.config_file = config_file,
                                      .control = -1,
                                      .generation = 1,
                                      .relay = {.input = -1, .output = -1, .standard_error = -1},
                                      .watch = {.inotify = -1},
                                      .failure = STRBUF(SUPERVISOR_SENTENCE_MAX)};
    struct config *config = inherited_from_manager(&supervisor->inherited, problem)
                                ? config_read(config_file, problem)
                                : NULL;
    if (config == NULL)
        return false;
    if (!places_prepare(&supervisor->places, config, problem)) {
        config_free(config);
        return false;
    }
    supervisor->running = setup_new(config, NULL, &supervisor->inherited, problem);
    if (supervisor->running == NULL || !supervisor_uses_all_sockets(supervisor, problem))
        return false;
    supervisor->control = control_open(config->control, problem);
    if (supervisor->control < 0)
        return false;
    if (supervisor_make_loop(supervisor))
        return true;
    strbuf_append(problem, "no event loop to be had");
    return false;
}

static void supervisor_fini_one(struct supervisor *supervisor, struct process *process)
{
    (void)supervisor;
    process_fini(process);
}

/* One more SIGTERM, when the handlers are gone, must not change the exit status. */
static void supervisor_block_signals(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
}

void supervisor_fini(struct supervisor *supervisor)
{
    supervisor_block_signals();
    supervisor_each(supervisor, supervisor_fini_one);
    watch_fini(&supervisor->watch);
    for (size_t i = 0; i < SUPERVISOR_SIGNALS; i++)
        if (supervisor->signals[i] != NULL)
            event_free(supervisor->signals[i]);
    relay_fini(&supervisor->relay);
    if (supervisor->loop != NULL)
        event_base_free(supervisor->loop);
    if (supervisor->running != NULL)
        control_close(supervisor->control, supervisor->running->config->control);
    places_fini(&supervisor->places);
    setup_replace(supervisor->candidate, supervisor->running);
    setup_replace(supervisor->running, NULL);
    inherited_fini(&supervisor->inherited);
    strbuf_fini(&supervisor->failure);
}

bool supervisor_run(struct supervisor *supervisor, struct strbuf *problem)
{
    watch_remember(&supervisor->watch, supervisor->running->config);
    start_process(supervisor, &supervisor->keeper);
    if (supervisor->failure.len == 0)
        (void)event_base_dispatch(supervisor->loop);
    if (supervisor->failure.len == 0)
        return true;
    strbuf_append_span(problem, strbuf_span(&supervisor->failure));
    return false;
}
