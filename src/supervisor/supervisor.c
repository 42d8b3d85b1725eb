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

bool supervisor_is_whole(const struct supervisor *supervisor)
{
    bool is_whole = supervisor->keeper.phase == PROCESS_READY && supervisor->broker.phase == PROCESS_READY;
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        is_whole &= supervisor->gates[i].phase == PROCESS_READY;
    return is_whole;
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
    case SUPERVISOR_UPGRADING:
        upgrade_advance(supervisor);
        break;
    case SUPERVISOR_STOPPING:
        stop_advance(supervisor);
        break;
    case SUPERVISOR_RUNNING:
        reload_try_next(supervisor);
        break;
    case SUPERVISOR_PREPARING:
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
    if (start_is_all_or_nothing(supervisor))
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
    if (process->is_former) {
        former_process_ended(supervisor, process);
        supervisor_advance(supervisor);
        return;
    }
    if (start_is_all_or_nothing(supervisor)) {
        start_fail(supervisor, strbuf_text(&sentence), true);
        return;
    }
    if (supervisor->phase != SUPERVISOR_STOPPING)
        process_restart_later(process);
    reload_fail(supervisor, strbuf_text(&sentence));
    supervisor_advance(supervisor);
}

/* The store is free. */
void supervisor_process_handed_over(struct supervisor *supervisor, struct process *process)
{
    (void)process;
    if (supervisor->phase == SUPERVISOR_STARTING && supervisor->keeper.phase == PROCESS_ABSENT)
        start_process(supervisor, &supervisor->keeper);
}

void supervisor_process_due(struct supervisor *supervisor, struct process *process)
{
    if (supervisor->phase == SUPERVISOR_RUNNING || supervisor->phase == SUPERVISOR_PREPARING ||
        supervisor->phase == SUPERVISOR_STARTING)
        start_process(supervisor, process);
}

/*
 * In the place of another its roles serve until ours do, and its keeper gives the store away first. It may
 * be gone already, and ours be there (former.c).
 */
static void supervisor_start_roles(struct supervisor *supervisor)
{
    bool is_there = process_is_alive(&supervisor->keeper) || evtimer_pending(supervisor->keeper.restart, NULL);
    if (!is_there && (supervisor->arguments->handover < 0 || !formers_ask_for_store(supervisor)))
        start_process(supervisor, &supervisor->keeper);
}

void supervisor_tables_made(struct supervisor *supervisor, unsigned made)
{
    if (supervisor->phase == SUPERVISOR_PREPARING) {
        reload_tables_made(supervisor, made);
    } else if (supervisor->phase == SUPERVISOR_STARTING) {
        reload_send_tables(supervisor, made);
        supervisor_start_roles(supervisor);
    }
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
    return formers_find(supervisor, pid);
}

static void supervisor_reap(struct supervisor *supervisor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct process *process =
            tables_reaped(&supervisor->tables, pid, status) ? NULL : supervisor_find(supervisor, pid);
        if (process != NULL)
            process_reaped(process, status);
        else if (pid == supervisor->trial)
            upgrade_trial_ended(supervisor, status);
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

static void supervisor_on_files_changed(void *owner, bool are_lists)
{
    struct supervisor *supervisor = owner;
    if (supervisor->phase == SUPERVISOR_STOPPING)
        return;
    if (are_lists)
        reload_lists(supervisor);
    else
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
static bool supervisor_make_loop(struct supervisor *supervisor, const struct handover *handover)
{
    supervisor->loop = event_base_new();
    return supervisor->loop != NULL && supervisor_take_signals(supervisor) &&
           (handover->log_input < 0 ? relay_init(&supervisor->relay, supervisor->loop)
                                    : relay_take_over(&supervisor->relay, supervisor->loop, handover->log_input,
                                                      handover->log_output, handover->log_error)) == 0 &&
           watch_init(&supervisor->watch, supervisor->loop, supervisor_on_files_changed,
                      supervisor) == 0 &&
           tables_init(&supervisor->tables, supervisor) == 0 &&
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

/* All that is opened without a loop: from the supervisor before, or anew. */
static bool supervisor_open(struct supervisor *supervisor, const struct handover *handover,
                            struct strbuf *problem)
{
    if (!executables_open(&supervisor->executables, problem))
        return false;
    if (!inherited_from_manager(&supervisor->inherited, problem))
        return false;
    for (size_t i = 0; i < handover->socket_count; i++)
        if (!inherited_add(&supervisor->inherited, handover->sockets[i].fd, handover->sockets[i].place,
                           problem))
            return false;
    struct config *config = config_read(supervisor->arguments->config_file, problem);
    if (config == NULL)
        return false;
    if (!places_prepare(&supervisor->places, config, problem)) {
        config_free(config);
        return false;
    }
    supervisor->running = setup_new(config, NULL, &supervisor->inherited, NULL, problem);
    if (supervisor->running == NULL || !supervisor_uses_all_sockets(supervisor, problem))
        return false;
    inherited_close_groups(&supervisor->inherited);
    supervisor->control = handover->control >= 0
                              ? control_take_over(handover->control, config->control, problem)
                              : control_open(config->control, problem);
    return supervisor->control >= 0;
}

static bool supervisor_start_with(struct supervisor *supervisor, const struct handover *handover,
                                  struct strbuf *problem)
{
    if (!supervisor_open(supervisor, handover, problem))
        return false;
    if (supervisor->arguments->trial >= 0)
        return true;
    if (!supervisor_make_loop(supervisor, handover)) {
        strbuf_append(problem, "no event loop to be had");
        return false;
    }
    supervisor->generation = handover->generation + 1;
    return formers_take(supervisor, handover, problem);
}

bool supervisor_init(struct supervisor *supervisor, const struct start_arguments *arguments,
                     struct strbuf *problem)
{
    *supervisor = (struct supervisor){.arguments = arguments,
                                      .control = -1,
                                      .relay = {.input = -1, .output = -1, .standard_error = -1},
                                      .watch = {.inotify = -1},
                                      .failure = STRBUF(SUPERVISOR_SENTENCE_MAX)};
    struct handover handover = {.control = -1, .log_input = -1};
    int passed = arguments->trial >= 0 ? arguments->trial : arguments->handover;
    bool is_well = passed < 0 || handover_read(&handover, passed, problem);
    is_well = is_well && supervisor_start_with(supervisor, &handover, problem);
    handover_fini(&handover);
    return is_well;
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
    formers_fini(supervisor);
    watch_fini(&supervisor->watch);
    guard_fini(&supervisor->guard);
    tables_fini(&supervisor->tables);
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
    executables_fini(&supervisor->executables);
    strbuf_fini(&supervisor->failure);
}

bool supervisor_run(struct supervisor *supervisor, struct strbuf *problem)
{
    watch_remember(&supervisor->watch, supervisor->running->config);
    if (supervisor->arguments->handover >= 0) {
        upgrade_release_signals();
        supervisor_reap(supervisor); /* who ended over the exec */
    }
    tables_make(&supervisor->tables, supervisor->running, supervisor->running,
                tables_all(supervisor->running));
    if (supervisor->failure.len == 0)
        do
            (void)event_base_dispatch(supervisor->loop);
        while (upgrade_execute(supervisor));
    if (supervisor->failure.len == 0)
        return true;
    strbuf_append_span(problem, strbuf_span(&supervisor->failure));
    return false;
}
