/*
 * The common shape of every process that the supervisor starts: take the channel, drop rights,
 * narrow the system calls, loop. Who knows one role knows all.
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct role_start start;
 *         role_begin(&start, argc, argv, &role_gate_profile);
 *         … make the event loop and what the role needs …
 *         role_confine(&start);   // from here on: sandboxed, for good
 *         … run the loop …
 *     }
 *
 * The supervisor passes what a role needs to begin as arguments and descriptors, never by
 * environment:
 *
 *     ROLE [--number N] --log text|json [--uid U --gid G] [--root DIR]
 *
 * Descriptor 2 is the log, descriptor 3 the supervisor's channel, and there is nothing else.
 *
 * --number is absent where there is one process of the role, --uid and --gid where the supervisor
 * is an ordinary user. --root becomes the root and the working directory; as an ordinary user only
 * the latter. So a role that keeps files names them without a path. A role heeds no SIGTERM, SIGINT
 * or SIGHUP, which a terminal or an init sends to all processes: it ends when the supervisor says
 * so, or when its channel closes.
 *
 * What a profile may do is one table a role: rights that the role keeps, system calls, limits.
 */
#ifndef POSTERN_ROLE_ROLE_H
#define POSTERN_ROLE_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROLE_CHANNEL_FD = 3 };

/* What of the sandbox is in force; what is missing is named in the role's first log record. */
enum sandbox_part {
    SANDBOX_NO_NEW_PRIVS = 1,
    SANDBOX_USER = 2, /* own user and group, no supplementary groups, no capabilities */
    SANDBOX_ROOT = 4, /* chroot */
    SANDBOX_LANDLOCK = 8,
    SANDBOX_SECCOMP = 16,
    SANDBOX_NETWORK = 32, /* empty network namespace */
    SANDBOX_LIMITS = 64,  /* rlimits, no core dumps, not dumpable */
};

struct role_profile {
    const char *name;
    const int *system_calls; /* allowed beyond the common ones; ends with -1 */
    bool keeps_files;        /* may open files below its root (the keeper's state) */
    bool keeps_network;      /* may make and connect internet sockets (a gate) */
    uint64_t memory_bytes;   /* RLIMIT_AS. Not set in sanitizer builds */
    uint64_t cpu_s;          /* RLIMIT_CPU; 0: none, for a role that lives on */
    uint64_t file_bytes;     /* RLIMIT_FSIZE; the log is a pipe, no file */
    bool needs_descriptors;  /* raises RLIMIT_NOFILE to its hard limit */
};

extern const struct role_profile role_profile_broker;
extern const struct role_profile role_profile_gate;
extern const struct role_profile role_profile_keeper;
extern const struct role_profile role_profile_revocations;

struct role_start {
    const struct role_profile *profile;
    int number;  /* -1: the only process of its role */
    int64_t uid; /* -1: started as an ordinary user, nothing to drop */
    int64_t gid;
    const char *root; /* NULL: none */
};

/* Parses the arguments and opens the log. Ends the process with a sentence on wrong ones. */
void role_begin(struct role_start *start, int argc, char **argv,
                const struct role_profile *profile);

/*
 * Puts the whole sandbox in force and logs "role_started" with the parts that are missing, if any.
 * A part that should work and fails ends the process: there is no running without it.
 */
void role_confine(const struct role_start *start);

#endif
