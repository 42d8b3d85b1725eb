/*
 * What the broker may do: read the keys that it is handed, and answer gates on channels that it is
 * handed. No file, no process, no socket of its own, no network.
 */
#include <seccomp.h>

#include "role/role.h"

static const int broker_calls[] = {-1};

const struct role_profile role_profile_broker = {
    .name = "broker",
    .system_calls = broker_calls,
    .memory_bytes = 2ULL << 30,
    .file_bytes = 0,
};
