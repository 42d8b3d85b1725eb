/*
 * What the broker may do: read the keys that it is handed, answer gates on channels that it is handed,
 * and connect to backends. No file, no process, no socket that listens.
 */
#include <seccomp.h>

#include "role/role.h"

static const int broker_calls[] = {
    SCMP_SYS(connect), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(getsockopt), -1,
};

const struct role_profile role_profile_broker = {
    .name = "broker",
    .system_calls = broker_calls,
    .keeps_network = true,
    .memory_bytes = 2ULL << 30,
    .file_bytes = 0,
    .needs_descriptors = true,
};
