/*
 * What a gate may do: take client connections, make backend connections, and read the descriptors
 * that the supervisor hands it. No file, no process, no socket that listens.
 */
#include <seccomp.h>

#include "role/role.h"

static const int gate_calls[] = {
    SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(readv),
    SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), -1,
};

const struct role_profile role_profile_gate = {
    .name = "gate",
    .system_calls = gate_calls,
    .keeps_network = true,
    .memory_bytes = 8ULL << 30, /* 100,000 sessions at three times what one takes */
    .file_bytes = 0,
    .needs_descriptors = true,
};
