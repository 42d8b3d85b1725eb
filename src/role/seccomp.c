/*
 * The system calls of a role: one table that all share, the role's own, and those whose arguments
 * decide. Whatever else is called ends the process at once with SIGSYS, which the supervisor names.
 * Nothing here makes memory executable, starts a process, or opens a file for a role without files.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "role/sandbox.h"

/* The channel, the loop, memory, time, randomness, the log, and an orderly or a disorderly end. */
static const int common_calls[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(lseek),
    SCMP_SYS(pread64), SCMP_SYS(fstat), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(shutdown),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep), SCMP_SYS(restart_syscall), SCMP_SYS(getrandom), SCMP_SYS(futex),
    SCMP_SYS(sched_yield), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(sysinfo), /* qsort asks how much memory there is */
    -1,
};

/* An allowed call whose arguments must match. */
struct call_rule {
    int call;
    unsigned count;
    struct scmp_arg_cmp matches[3];
};

/* clang-format off */
#define DATUM(value) ((scmp_datum_t)(value))
#define ARGUMENT_IS(index, value) {index, SCMP_CMP_EQ, DATUM(value), 0}
#define ARGUMENT_LACKS(index, bits) {index, SCMP_CMP_MASKED_EQ, DATUM(bits), 0}
#define ARGUMENT_HAS(index, bits) {index, SCMP_CMP_MASKED_EQ, DATUM(bits), DATUM(bits)}
#define ARGUMENT_MASKED(index, bits, is) {index, SCMP_CMP_MASKED_EQ, DATUM(bits), DATUM(is)}
/* What a caller leaves in the upper half of the register is not looked at. */
#define ARGUMENT_INT(index, value) ARGUMENT_MASKED(index, 0xffffffff, value)

#define FCNTL(command) {SCMP_SYS(fcntl), 1, {ARGUMENT_INT(1, command)}}
#define SOCKET(family)                                                                             \
    {SCMP_SYS(socket), 2, {ARGUMENT_INT(0, family), ARGUMENT_MASKED(1, 0xf, SOCK_STREAM)}}
#define SOCKET_OPTION(call, level, option)                                                         \
    {SCMP_SYS(call), 2, {ARGUMENT_INT(1, level), ARGUMENT_INT(2, option)}}
/* clang-format on */

static const struct call_rule common_rules[] = {
    {SCMP_SYS(mmap), 1, {ARGUMENT_LACKS(2, PROT_EXEC)}},
    {SCMP_SYS(mprotect), 1, {ARGUMENT_LACKS(2, PROT_EXEC)}},
    /* fstat() of the C library: the descriptor itself, no name below it. */
    {SCMP_SYS(newfstatat), 1, {ARGUMENT_HAS(3, AT_EMPTY_PATH)}},
    /* getrlimit(), which sets nothing. */
    {SCMP_SYS(prlimit64), 2, {ARGUMENT_IS(0, 0), ARGUMENT_IS(2, 0)}},
    /* What stdio asks of a stream that it is to buffer. */
    {SCMP_SYS(ioctl), 1, {ARGUMENT_INT(1, TCGETS)}},
    FCNTL(F_GETFL), FCNTL(F_SETFL), FCNTL(F_GETFD), FCNTL(F_SETFD), FCNTL(F_DUPFD_CLOEXEC),
};

/*
 * Client and backend sockets. Options are named, since some of them load programs into the kernel.
 */
static const struct call_rule network_rules[] = {
    SOCKET(AF_UNIX), SOCKET(AF_INET), SOCKET(AF_INET6),
    SOCKET_OPTION(setsockopt, SOL_SOCKET, SO_KEEPALIVE),
    SOCKET_OPTION(setsockopt, SOL_SOCKET, SO_LINGER),
    SOCKET_OPTION(setsockopt, SOL_SOCKET, SO_RCVBUF),
    SOCKET_OPTION(setsockopt, SOL_SOCKET, SO_SNDBUF),
    SOCKET_OPTION(setsockopt, SOL_SOCKET, SO_RCVLOWAT),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_NODELAY),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_CORK),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_QUICKACK),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_KEEPIDLE),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_KEEPINTVL),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_KEEPCNT),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT),
    SOCKET_OPTION(setsockopt, IPPROTO_TCP, TCP_NOTSENT_LOWAT),
};

/* Locks on the state's files. */
static const struct call_rule file_rules[] = {
    FCNTL(F_GETLK), FCNTL(F_SETLK), FCNTL(F_SETLKW),
};

/* Collects the first failure, so that the caller tests once. */
struct filter {
    scmp_filter_ctx rules;
    int result;
};

static void filter_allow(struct filter *filter, const int *calls)
{
    for (; *calls != -1; calls++) {
        int result = seccomp_rule_add(filter->rules, SCMP_ACT_ALLOW, *calls, 0);
        /* -EEXIST, or a call that this architecture does not have: nothing to allow. */
        if (result < 0 && result != -EEXIST && result != -EDOM && filter->result == 0)
            filter->result = result;
    }
}

static void filter_allow_rules(struct filter *filter, const struct call_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int result = seccomp_rule_add_array(filter->rules, SCMP_ACT_ALLOW, rules[i].call,
                                            rules[i].count, rules[i].matches);
        if (result < 0 && result != -EEXIST && result != -EDOM && filter->result == 0)
            filter->result = result;
    }
}

/*
 * abort() signals its own process; with that barred, a failed invariant would look like an attack.
 */
static void filter_allow_abort(struct filter *filter)
{
    const struct call_rule rule = {SCMP_SYS(tgkill), 1, {ARGUMENT_IS(0, getpid())}};
    filter_allow_rules(filter, &rule, 1);
}

#define FILTER_ALLOW_RULES(filter, rules)                                                          \
    filter_allow_rules(filter, rules, sizeof(rules) / sizeof *(rules))

int sandbox_limit_system_calls(const struct role_start *start)
{
    struct filter filter = {.rules = seccomp_init(SCMP_ACT_KILL_PROCESS)};
    if (filter.rules == NULL)
        return -ENOMEM;
    filter_allow(&filter, common_calls);
    filter_allow(&filter, start->profile->system_calls);
    filter_allow(&filter, sandbox_sanitizer_calls);
    filter_allow_abort(&filter);
    FILTER_ALLOW_RULES(&filter, common_rules);
    if (start->profile->keeps_network)
        FILTER_ALLOW_RULES(&filter, network_rules);
    if (start->profile->keeps_files)
        FILTER_ALLOW_RULES(&filter, file_rules);
    if (filter.result == 0)
        filter.result =
            seccomp_attr_set(filter.rules, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (filter.result == 0) /* a binary tree, no chain: long lists cost no time */
        filter.result = seccomp_attr_set(filter.rules, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (filter.result == 0)
        filter.result = seccomp_load(filter.rules);
    seccomp_release(filter.rules);
    return filter.result < 0 ? filter.result : SANDBOX_IN_FORCE;
}
