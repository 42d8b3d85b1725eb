/*
 * What the reader of revocation lists may do: read descriptors that it is handed, and fill one. No file,
 * no process, no socket, no network; it ends when the table is written.
 */
#include <seccomp.h>

#include "role/role.h"

static const int revocations_calls[] = {SCMP_SYS(pwrite64), -1};

const struct role_profile role_profile_revocations = {
    .name = "revocations",
    .system_calls = revocations_calls,
    .memory_bytes = 2ULL << 30, /* a list of 64 MB takes 1 GB while it is read */
    .cpu_s = 60,                /* and three seconds */
    .file_bytes = 256ULL << 20, /* the largest table */
};
