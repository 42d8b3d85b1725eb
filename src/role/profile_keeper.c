/*
 * What the keeper may do: keep SQLite's files below its root, and hear the gates and the control
 * socket, which it is handed. No socket of its own, no network.
 */
#include <seccomp.h>

#include "role/role.h"

static const int keeper_calls[] = {
    /* SQLite with a write-ahead log: the files, their places, and that they are on the disk */
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fchmod), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
    /* the control socket */
    SCMP_SYS(accept4), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), -1,
};

const struct role_profile role_profile_keeper = {
    .name = "keeper",
    .system_calls = keeper_calls,
    .keeps_files = true,
    .memory_bytes = 4ULL << 30,
    .file_bytes = 64ULL << 30, /* far above any state; short of filling every disk */
};
