/*
 * From a process with the supervisor's rights to a role with its own few: called once by each
 * role's main between making its event loop and running it. The order matters: what needs privilege
 * comes before the user changes, and the system calls are narrowed last, by themselves.
 */
#include "role/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/strbuf.h"

enum { SANDBOX_FEW_DESCRIPTORS = 1024 /* channels, the state's files, a few hundred commands */ };

struct sandbox_step {
    enum sandbox_part part;
    const char *name;
    int (*enter)(const struct role_start *start);
};

static const struct sandbox_step sandbox_steps[] = {
    {SANDBOX_NETWORK, "network", sandbox_leave_network},
    {SANDBOX_ROOT, "root", sandbox_enter_root},
    {SANDBOX_USER, "user", sandbox_become_user},
    {SANDBOX_LIMITS, "limits", sandbox_set_limits},
    {SANDBOX_NO_NEW_PRIVS, "no_new_privs", sandbox_refuse_privileges},
    {SANDBOX_LANDLOCK, "landlock", sandbox_limit_files},
    {SANDBOX_SECCOMP, "seccomp", sandbox_limit_system_calls},
};

/*
 * An empty network namespace. Only with privilege: an ordinary user would have to enter a user
 * namespace as well, and from inside one SO_PEERCRED shows every other user as nobody, so the
 * keeper could no longer tell who speaks to its control socket. There seccomp alone stands for this
 * part.
 */
int sandbox_leave_network(const struct role_start *start)
{
    if (start->profile->keeps_network)
        return SANDBOX_UNMEANT;
    if (unshare(CLONE_NEWNET) == 0)
        return SANDBOX_IN_FORCE;
    return errno == EPERM || errno == EINVAL || errno == ENOSYS ? SANDBOX_MISSING : -errno;
}

int sandbox_enter_root(const struct role_start *start)
{
    if (start->root == NULL)
        return chdir("/") == 0 ? SANDBOX_MISSING : -errno;
    if (chdir(start->root) != 0)
        return -errno;
    if (start->uid < 0)
        return SANDBOX_MISSING;
    return chroot(".") == 0 && chdir("/") == 0 ? SANDBOX_IN_FORCE : -errno;
}

/* Empties every capability set of this process; allowed to anyone. */
static int sandbox_drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}, {0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0 ? 0 : -errno;
}

int sandbox_become_user(const struct role_start *start)
{
    if (start->uid < 0) {
        int result = sandbox_drop_capabilities();
        return result < 0 ? result : SANDBOX_MISSING;
    }
    uid_t uid = (uid_t)start->uid;
    gid_t gid = (gid_t)start->gid;
    /* Fails where the supervisor itself lacks the right; without exec the bounding set is idle. */
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return -errno;
    int result = sandbox_drop_capabilities();
    if (result < 0)
        return result;
    if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
        return -EPERM; /* the way back is open: there is no drop to speak of */
    return SANDBOX_IN_FORCE;
}

static int sandbox_set_limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0)
        return -errno;
    if (limit.rlim_max > value)
        limit.rlim_max = value;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0 ? 0 : -errno;
}

int sandbox_set_limits(const struct role_start *start)
{
    const struct role_profile *profile = start->profile;
    const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
        {RLIMIT_NOFILE, profile->needs_descriptors ? RLIM_INFINITY : SANDBOX_FEW_DESCRIPTORS},
        {RLIMIT_FSIZE, profile->file_bytes},
        {RLIMIT_CPU, profile->cpu_s == 0 ? RLIM_INFINITY : profile->cpu_s},
        {RLIMIT_AS, sandbox_is_sanitized ? RLIM_INFINITY : profile->memory_bytes},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        int result = sandbox_set_limit(limits[i].resource, limits[i].value);
        if (result < 0)
            return result;
    }
    /* Both are undone by a change of user, so they come after it. */
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return -errno;
    return SANDBOX_IN_FORCE;
}

int sandbox_refuse_privileges(const struct role_start *start)
{
    (void)start;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? SANDBOX_IN_FORCE : -errno;
}

_Noreturn static void sandbox_fail(const struct sandbox_step *step, int error)
{
    struct log_record record;
    log_begin(&record, LOG_ERROR, "role_failed");
    log_text(&record, "sandbox", step->name);
    log_errno(&record, error);
    log_end(&record);
    exit(EXIT_FAILURE);
}

void role_confine(const struct role_start *start)
{
    auto_strbuf struct strbuf missing = STRBUF(256);
    for (size_t i = 0; i < sizeof sandbox_steps / sizeof *sandbox_steps; i++) {
        const struct sandbox_step *step = &sandbox_steps[i];
        int result = step->enter(start);
        if (result < 0)
            sandbox_fail(step, -result);
        if (result == SANDBOX_MISSING)
            strbuf_format(&missing, "%s%s", missing.len > 0 ? "," : "", step->name);
    }
    struct log_record record;
    log_begin(&record, missing.len > 0 && start->uid >= 0 ? LOG_WARNING : LOG_INFO, "role_started");
    if (missing.len > 0)
        log_span(&record, "missing", strbuf_span(&missing));
    log_end(&record);
}
