/*
 * Confines a process as a role is confined and tries one thing in it; then the next. Prints a line
 * for each that did not turn out as it must.
 *
 *     probe_role            as root: each role drops to an ordinary user
 *     probe_role --ordinary the probe itself becomes an ordinary user first, as postern run would be
 *
 * Exit status 77 (skipped) when --ordinary was asked for by one who is no root.
 */
#include "probe_role.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "role/role.h"

enum { ORDINARY_ID = 65534, EXIT_SKIPPED = 77, EXIT_WORKS = 0, EXIT_DENIED = 3 };

static const char *const outcome_names[] = {
    [PROBE_WORKS] = "works",
    [PROBE_DENIED] = "is denied",
    [PROBE_KILLED] = "is killed",
    [PROBE_ABORTS] = "aborts without a core",
};

/* A confined process: its channel's other end and what it wrote to standard error. */
struct probe {
    pid_t pid;
    int channel;
    int log;
};

static unsigned failure_count;

static void complain(const char *role, const char *what, const char *found, const char *expected)
{
    (void)fprintf(stderr, "probe_role: %s: %s: %s, but must: %s\n", role, what, found, expected);
    failure_count++;
}

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* In the child: becomes the role. */
static void confine(const struct role_profile *profile, const char *root)
{
    char *as_root[] = {(char[]){"role"}, (char[]){"--log"}, (char[]){"text"},
                       (char[]){"--root"}, (char *)(uintptr_t)root,
                       (char[]){"--uid"}, (char[]){"65534"}, (char[]){"--gid"}, (char[]){"65534"}, NULL};
    struct role_start start;
    role_begin(&start, geteuid() == 0 ? 9 : 5, as_root, profile);
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1) /* later it would open files */
        exit(EXIT_FAILURE);
    role_confine(&start);
}

static struct probe probe_start(const struct role_profile *profile, const char *root,
                                int (*act)(void))
{
    int channel[2];
    int log[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0 || pipe2(log, O_CLOEXEC) != 0)
        die("socketpair");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        (void)dup2(channel[1], ROLE_CHANNEL_FD);
        (void)dup2(log[1], STDERR_FILENO);
        (void)close_range(ROLE_CHANNEL_FD + 1, ~0U, 0);
        confine(profile, root);
        _exit(act() == 0 ? EXIT_WORKS : EXIT_DENIED);
    }
    (void)close(channel[1]);
    (void)close(log[1]);
    return (struct probe){pid, channel[0], log[0]};
}

/* Collects what the process wrote until its end of the pipe closed, and its end. */
static int probe_finish(struct probe *probe, struct strbuf *log)
{
    char part[512];
    ssize_t got;
    int status = 0;
    (void)close(probe->channel);
    while ((got = read(probe->log, part, sizeof part)) > 0)
        strbuf_append_span(log, span_make(part, (size_t)got));
    (void)close(probe->log);
    if (waitpid(probe->pid, &status, 0) != probe->pid)
        die("waitpid");
    return status;
}

static bool status_is(int status, enum probe_outcome expected)
{
    switch (expected) {
    case PROBE_WORKS:
        return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_WORKS;
    case PROBE_DENIED:
        return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DENIED;
    case PROBE_KILLED:
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    case PROBE_ABORTS:
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !WCOREDUMP(status);
    }
    return false;
}

static void try_attempt(const struct probe_attempt *attempt, const struct role_profile *profile,
                        const char *root)
{
    auto_strbuf struct strbuf log = STRBUF(16384);
    auto_strbuf struct strbuf found = STRBUF(20000);
    struct probe probe = probe_start(profile, root, attempt->act);
    int status = probe_finish(&probe, &log);
    if (strstr(strbuf_text(&log), " role_started") == NULL)
        complain(profile->name, attempt->name, strbuf_text(&log), "have begun as a role");
    if (status_is(status, attempt->expected))
        return;
    strbuf_format(&found, "wait status 0x%x, log %s", (unsigned)status, strbuf_text(&log));
    complain(profile->name, attempt->name, strbuf_text(&found), outcome_names[attempt->expected]);
}

/* --- What the kernel says of a confined process ------------------------------------------------- */

static int wait_for_end(void)
{
    char octet;
    return read(ROLE_CHANNEL_FD, &octet, 1) == 0 ? 0 : -EIO;
}

/* The whole of a file in /proc/PID. */
static void read_process_file(pid_t pid, const char *name, struct strbuf *text)
{
    auto_strbuf struct strbuf path = STRBUF(64);
    char part[1024];
    ssize_t got = 0;
    strbuf_format(&path, "/proc/%d/%s", (int)pid, name);
    auto_close int fd = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(strbuf_text(&path));
    while ((got = read(fd, part, sizeof part)) > 0)
        strbuf_append_span(text, span_make(part, (size_t)got));
}

static void expect_text(const char *role, const char *where, const struct strbuf *text,
                        const char *expected)
{
    if (strstr(strbuf_text(text), expected) == NULL)
        complain(role, where, strbuf_text(text), expected);
}

static bool has_same_link(const char *a, const char *b)
{
    struct stat one;
    struct stat other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_ino == other.st_ino;
}

static void check_isolation(const struct probe *probe, const struct role_profile *profile)
{
    auto_strbuf struct strbuf network = STRBUF(64);
    auto_strbuf struct strbuf root = STRBUF(64);
    strbuf_format(&network, "/proc/%d/ns/net", (int)probe->pid);
    strbuf_format(&root, "/proc/%d/root", (int)probe->pid);
    if (has_same_link(strbuf_text(&network), "/proc/self/ns/net") != profile->keeps_network)
        complain(profile->name, "network namespace", "the wrong one",
                 "be its own, or the host's where the role connects");
    if (has_same_link(strbuf_text(&root), "/"))
        complain(profile->name, "root", "the host's", "be the role's own");
}

/* Waits until the role says that it is confined; its record is the first thing it writes. */
static void await_record(const struct probe *probe, struct strbuf *log)
{
    char octet;
    while (strchr(strbuf_text(log), '\n') == NULL && read(probe->log, &octet, 1) == 1)
        strbuf_append_byte(log, (uint8_t)octet);
}

static void check_state(const struct role_profile *profile, const char *root)
{
    bool is_root = geteuid() == 0;
    auto_strbuf struct strbuf log = STRBUF(16384);
    auto_strbuf struct strbuf status = STRBUF(16384);
    auto_strbuf struct strbuf limits = STRBUF(16384);
    struct probe probe = probe_start(profile, root, wait_for_end);
    await_record(&probe, &log);
    read_process_file(probe.pid, "status", &status);
    read_process_file(probe.pid, "limits", &limits);
    expect_text(profile->name, "status", &status, "\nUid:\t65534\t65534\t65534\t65534\n");
    expect_text(profile->name, "status", &status, "\nGid:\t65534\t65534\t65534\t65534\n");
    expect_text(profile->name, "status", &status, "\nGroups:\t \n");
    expect_text(profile->name, "status", &status, "\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n");
    expect_text(profile->name, "status", &status, "\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n");
    expect_text(profile->name, "limits", &limits, "\nMax core file size        0                    0 ");
    expect_text(profile->name, "limits", &limits, "\nMax processes             0                    0 ");
    if (is_root) {
        expect_text(profile->name, "status", &status, "\nCapBnd:\t0000000000000000\n");
        check_isolation(&probe, profile);
    }
    if (!status_is(probe_finish(&probe, &log), PROBE_WORKS))
        complain(profile->name, "end of the channel", strbuf_text(&log), "be seen");
    if (is_root && strstr(strbuf_text(&log), "missing=") != NULL)
        complain(profile->name, "record", strbuf_text(&log), "name nothing as missing");
    if (!is_root)
        expect_text(profile->name, "record", &log,
                    profile->keeps_network ? " missing=root,user\n" : " missing=network,root,user\n");
}

/* --- The run ------------------------------------------------------------------------------------ */

static void become_ordinary(void)
{
    if (geteuid() != 0)
        exit(EXIT_SKIPPED);
    if (setgroups(0, NULL) != 0 || setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) != 0 ||
        setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) != 0)
        die("setresuid");
}

static void probe_role(enum role role, const struct role_profile *profile, const char *root)
{
    check_state(profile, root);
    for (size_t i = 0; i < probe_attempt_count; i++)
        if (probe_attempts[i].roles & role)
            try_attempt(&probe_attempts[i], profile, root);
}

int main(int argc, char **argv)
{
    char root[] = "/tmp/probe_role.XXXXXX";
    if (argc == 2 && strcmp(argv[1], "--ordinary") == 0)
        become_ordinary();
    if (mkdtemp(root) == NULL || (geteuid() == 0 && chown(root, ORDINARY_ID, ORDINARY_ID) != 0))
        die("mkdtemp");
    probe_role(ROLE_GATE, &role_profile_gate, root);
    probe_role(ROLE_BROKER, &role_profile_broker, root);
    probe_role(ROLE_KEEPER, &role_profile_keeper, root);
    if (rmdir(root) != 0)
        complain("keeper", root, "something lies in it", "be empty afterwards");
    return failure_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
