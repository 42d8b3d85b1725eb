/* Becomes the next release; see upgrade.h. Called by reload.c, supervisor.c and main.c. */
#include "supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "supervisor/handover.h"
#include "supervisor/notify.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"

enum {
    UPGRADE_TRIAL_S = 30,
    UPGRADE_AGAIN_S = 2,
    UPGRADE_NUMBER_SIZE = 16,
    EXIT_NO_EXEC = 127,
};

static const char *const log_names[] = {[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};

static void upgrade_refuse(struct supervisor *supervisor, const char *sentence)
{
    log_sentence(LOG_ERROR, "upgrade_refused", "%s", sentence);
    supervisor->is_tried = false;
    reload_end(supervisor);
}

/* --- What is handed over ------------------------------------------------------------------ */

static void print_sockets(const struct supervisor *supervisor, struct strbuf *text)
{
    const struct doors *doors = &supervisor->running->doors;
    for (size_t i = 0; i < doors->count; i++)
        for (unsigned j = 0; !doors->at[i].is_shared && j < doors->gates; j++)
            handover_print_socket(text, doors->at[i].sockets[j], (int)j);
    for (size_t i = 0; i < supervisor->inherited.count; i++)
        handover_print_socket(text, supervisor->inherited.at[i].fd, INHERITED_SHARED);
}

/* Those that serve now are world 0 for the next; those before them follow. */
static void print_roles(struct supervisor *supervisor, struct strbuf *text)
{
    process_print_handover(&supervisor->keeper, text, 0, 0);
    process_print_handover(&supervisor->broker, text, 0, 0);
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        process_print_handover(&supervisor->gates[i], text, 0, 0);
    formers_print(supervisor, text, 1);
}

/* The text in a memory file, as what is passed across an exec. -1 when there is none to be had. */
static int upgrade_write(struct supervisor *supervisor)
{
    auto_strbuf struct strbuf text = STRBUF(HANDOVER_OCTETS_MAX);
    const struct relay *relay = &supervisor->relay;
    handover_print_begin(&text, supervisor->generation);
    handover_print_log(&text, relay->input, relay->output, relay->standard_error);
    handover_print_control(&text, supervisor->control);
    print_sockets(supervisor, &text);
    print_roles(supervisor, &text);
    auto_close int fd = memfd_create("postern-handover", MFD_CLOEXEC);
    if (fd < 0 || strbuf_failed(&text) || write(fd, text.at, text.len) != (ssize_t)text.len)
        return -1;
    return take_fd(&fd);
}

/* Whether exec closes what is handed over. */
static bool upgrade_close_at_exec(int handover_fd, bool is_closed)
{
    auto_strbuf struct strbuf problem = STRBUF(256);
    struct handover handover;
    int flags = is_closed ? FD_CLOEXEC : 0;
    bool is_done = handover_read(&handover, handover_fd, &problem);
    int few[] = {handover.log_input, handover.log_output, handover.log_error, handover.control,
                 handover_fd};
    for (size_t i = 0; is_done && i < sizeof few / sizeof *few; i++)
        is_done = fcntl(few[i], F_SETFD, flags) == 0;
    for (size_t i = 0; is_done && i < handover.socket_count; i++)
        is_done = fcntl(handover.sockets[i].fd, F_SETFD, flags) == 0;
    for (size_t i = 0; is_done && i < handover.role_count; i++)
        is_done = fcntl(handover.roles[i].fd, F_SETFD, flags) == 0;
    handover_fini(&handover);
    return is_done;
}

/* --- The two execs ------------------------------------------------------------------------ */

/* Returns only when it fails. option: what the descriptor is for. */
static void upgrade_become(const char *path, const char *program, const char *config_file,
                           const char *option, int handover_fd)
{
    char number[UPGRADE_NUMBER_SIZE];
    (void)snprintf(number, sizeof number, "%d", handover_fd);
    const char *arguments[] = {program, "--config", config_file, "--log",
                               log_names[log_current_format()], option, number, NULL};
    (void)execve(path, (char **)(uintptr_t)arguments, environ); /* as execve() has it */
}

/*
 * The child has descriptors of its own, so it may open and examine the very ones that it would get. It
 * gets no longer than the alarm, which outlasts the exec.
 */
_Noreturn static void upgrade_try_in_child(const struct supervisor *supervisor, int handover_fd)
{
    sigset_t none;
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)alarm(UPGRADE_TRIAL_S);
    if (upgrade_close_at_exec(handover_fd, false))
        upgrade_become(executables_own_path(&supervisor->executables),
                       supervisor->arguments->program, supervisor->arguments->config_file, "--trial",
                       handover_fd);
    _exit(EXIT_NO_EXEC);
}

void upgrade_begin(struct supervisor *supervisor)
{
    sigset_t all;
    sigset_t before;
    supervisor->phase_before = supervisor->phase;
    supervisor->phase = SUPERVISOR_UPGRADING;
    supervisor->is_tried = false;
    notify_manager(NOTIFY_RELOADING);
    log_sentence(LOG_INFO, "upgrade_started", "other executables are installed: they are tried");
    if (!formers_have_room(supervisor)) {
        upgrade_refuse(supervisor, "too many former releases still have sessions; the oldest ends its "
                                   "own within 30 s: reload again then");
        return;
    }
    auto_close int fd = upgrade_write(supervisor);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fd < 0 ? -1 : fork();
    if (pid == 0)
        upgrade_try_in_child(supervisor, fd);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    supervisor->trial = pid;
    if (pid < 0)
        upgrade_refuse(supervisor, "the new supervisor can't be tried: no process or no memory");
}

void upgrade_trial_ended(struct supervisor *supervisor, int status)
{
    supervisor->trial = 0;
    if (supervisor->phase != SUPERVISOR_UPGRADING)
        return; /* stopping */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        supervisor->is_tried = true;
        upgrade_advance(supervisor);
        return;
    }
    auto_strbuf struct strbuf sentence = STRBUF(256);
    strbuf_append(&sentence, "what runs goes on; the new supervisor ");
    process_print_end(status, &sentence);
    upgrade_refuse(supervisor, strbuf_text(&sentence));
}

void upgrade_advance(struct supervisor *supervisor)
{
    if (supervisor->is_tried && supervisor_is_settled(supervisor))
        (void)event_base_loopbreak(supervisor->loop);
}

/* What was caught already must be handled now: the handlers' memory of it does not pass the exec. */
static void upgrade_drain_events(struct supervisor *supervisor, sigset_t *ret_before)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, ret_before);
    (void)event_base_loop(supervisor->loop, EVLOOP_NONBLOCK);
}

bool upgrade_execute(struct supervisor *supervisor)
{
    sigset_t before;
    if (supervisor->phase != SUPERVISOR_UPGRADING || !supervisor->is_tried)
        return false;
    upgrade_drain_events(supervisor, &before);
    bool goes_on = supervisor->phase == SUPERVISOR_UPGRADING;
    if (goes_on && supervisor_is_settled(supervisor)) {
        auto_close int fd = upgrade_write(supervisor);
        log_sentence(LOG_INFO, "upgrade_done", "the new supervisor takes over");
        if (fd >= 0 && upgrade_close_at_exec(fd, false))
            upgrade_become(executables_own_path(&supervisor->executables),
                           supervisor->arguments->program, supervisor->arguments->config_file,
                           "--handover", fd);
        if (fd >= 0)
            (void)upgrade_close_at_exec(fd, true);
        upgrade_refuse(supervisor, "what runs goes on; the new supervisor can't be run");
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return goes_on;
}

void upgrade_release_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void upgrade_try_again(const struct start_arguments *arguments)
{
    char own[PATH_MAX];
    upgrade_release_signals();
    (void)sleep(UPGRADE_AGAIN_S);
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    if (len > 0 && upgrade_close_at_exec(arguments->handover, false)) {
        own[len] = '\0';
        upgrade_become(own, arguments->program, arguments->config_file, "--handover",
                       arguments->handover);
    }
    _exit(EXIT_FAILURE);
}
