/* Starts roles; see spawn.h. Called by process.c. */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/invariant.h"
#include "base/log.h"
#include "role/role.h"

enum { SPAWN_ARGUMENTS_MAX = 12, SPAWN_NUMBER_SIZE = 16, EXIT_NO_EXEC = 127 };

/* The arguments of one role, with the memory that they point into. */
struct spawn_arguments {
    char *at[SPAWN_ARGUMENTS_MAX];
    size_t count;
    char number[SPAWN_NUMBER_SIZE];
    char uid[SPAWN_NUMBER_SIZE];
    char gid[SPAWN_NUMBER_SIZE];
};

static void spawn_add(struct spawn_arguments *arguments, const char *argument)
{
    invariant(arguments->count < SPAWN_ARGUMENTS_MAX - 1);
    arguments->at[arguments->count++] = (char *)(uintptr_t)argument; /* as execve() has it */
}

static void spawn_add_number(struct spawn_arguments *arguments, const char *option, unsigned value,
                             char text[SPAWN_NUMBER_SIZE])
{
    (void)snprintf(text, SPAWN_NUMBER_SIZE, "%u", value);
    spawn_add(arguments, option);
    spawn_add(arguments, text);
}

static void spawn_compose(struct spawn_arguments *arguments, const struct role_kind *kind,
                          int number, const struct places *places)
{
    const char *root = kind->root(places);
    spawn_add(arguments, kind->executable);
    if (number >= 0)
        spawn_add_number(arguments, "--number", (unsigned)number, arguments->number);
    spawn_add(arguments, "--log");
    spawn_add(arguments, log_current_format() == LOG_FORMAT_JSON ? "json" : "text");
    if (places->drops_privilege) {
        spawn_add_number(arguments, "--uid", kind->account(places)->uid, arguments->uid);
        spawn_add_number(arguments, "--gid", kind->account(places)->gid, arguments->gid);
    }
    if (root != NULL) {
        spawn_add(arguments, "--root");
        spawn_add(arguments, root);
    }
}

/*
 * What a terminal or an init sends to all processes is for the supervisor; exec keeps it ignored.
 */
static void spawn_reset_signals(void)
{
    sigset_t none;
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: standard error is the log, descriptor 3 the channel, and there is nothing else. */
_Noreturn static void spawn_become(int executable, struct spawn_arguments *arguments, int channel,
                                   int log)
{
    char *const no_environment[] = {NULL};
    int nothing = open("/dev/null", O_RDWR);
    int program = fcntl(executable, F_DUPFD, ROLE_CHANNEL_FD + 1); /* out of the channel's way */
    if (nothing < 0 || program < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
        dup2(nothing, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 ||
        dup2(channel, ROLE_CHANNEL_FD) < 0 || fcntl(ROLE_CHANNEL_FD, F_SETFD, 0) != 0)
        _exit(EXIT_NO_EXEC);
    (void)close_range(ROLE_CHANNEL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* program is one of them */
    spawn_reset_signals();
    (void)execveat(program, "", arguments->at, no_environment, AT_EMPTY_PATH);
    _exit(EXIT_NO_EXEC);
}

/* Signals wait meanwhile: in the child the loop's handlers would write into the parent's loop. */
static pid_t spawn_fork(int executable, struct spawn_arguments *arguments, int channel, int log)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        spawn_become(executable, arguments, channel, log);
    int error = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

pid_t spawn_role(const struct role_kind *kind, int executable, int number,
                 const struct places *places, int log, int *ret_channel, struct strbuf *problem)
{
    struct spawn_arguments arguments = {.count = 0};
    int ends[2];
    char text[128];
    spawn_compose(&arguments, kind, number, places);
    int result = channel_pair(ends);
    if (result < 0) {
        strbuf_format(problem, "no channel to %s: %s", kind->executable,
                      strerror_r(-result, text, sizeof text));
        return -1;
    }
    pid_t pid = spawn_fork(executable, &arguments, ends[1], log);
    if (pid > 0)
        *ret_channel = ends[0];
    else
        strbuf_format(problem, "%s can't be started: %s", kind->executable,
                      strerror_r(errno, text, sizeof text));
    (void)close(ends[1]);
    if (pid < 0)
        (void)close(ends[0]);
    return pid;
}
