/*
 * Landlock: no file for a role that keeps none, its own root directory for one that does. It stands
 * beside the chroot and does what that can't: it binds an ordinary user too, and from its fourth
 * version on sockets, from its sixth signals. The kernel says which rights it knows; names that
 * this system's header lacks are given here, as the kernel's documentation numbers them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "role/sandbox.h"

#define RIGHT_FS_TRUNCATE     (1ULL << 14) /* version 3 */
#define RIGHT_FS_IOCTL_DEV    (1ULL << 15) /* version 5 */
#define RIGHT_NET_BIND_TCP    (1ULL << 0)  /* version 4 */
#define RIGHT_NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_SOCKET (1ULL << 0) /* version 6 */
#define SCOPE_SIGNAL          (1ULL << 1)

/* struct landlock_ruleset_attr as it is since version 6; older kernels take zeros behind theirs. */
struct landlock_ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};

static struct landlock_ruleset landlock_handled(long version, const struct role_profile *profile)
{
    struct landlock_ruleset rules = {.files = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1};
    if (version >= 2)
        rules.files |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        rules.files |= RIGHT_FS_TRUNCATE;
    if (version >= 4)
        rules.network = RIGHT_NET_BIND_TCP | (profile->keeps_network ? 0 : RIGHT_NET_CONNECT_TCP);
    if (version >= 5)
        rules.files |= RIGHT_FS_IOCTL_DEV;
    if (version >= 6)
        rules.scopes = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
    return rules;
}

/*
 * The working directory, which is the role's root: plain files in it, nothing that runs or links.
 */
static int landlock_allow_root(int ruleset, uint64_t handled)
{
    uint64_t kept = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                    LANDLOCK_ACCESS_FS_REMOVE_FILE | RIGHT_FS_TRUNCATE;
    auto_close int root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    struct landlock_path_beneath_attr rule = {.allowed_access = kept & handled, .parent_fd = root};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0
               ? 0
               : -errno;
}

int sandbox_limit_files(const struct role_start *start)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? SANDBOX_MISSING : -errno;
    struct landlock_ruleset rules = landlock_handled(version, start->profile);
    auto_close int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (ruleset < 0)
        return -errno;
    if (start->profile->keeps_files) {
        int result = landlock_allow_root(ruleset, rules.files);
        if (result < 0)
            return result;
    }
    return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? SANDBOX_IN_FORCE : -errno;
}
