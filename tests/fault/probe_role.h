/*
 * The probe of the sandbox: what each role must not be able to do, tried, and what it must, done.
 * probe_attempts.c has the attempts, probe_role.c runs each in a process of its own.
 */
#ifndef POSTERN_TESTS_PROBE_ROLE_H
#define POSTERN_TESTS_PROBE_ROLE_H

#include "channel/message.h"

enum probe_outcome {
    PROBE_WORKS,  /* the attempt succeeded */
    PROBE_DENIED, /* it returned an error */
    PROBE_KILLED, /* SIGSYS */
    PROBE_ABORTS, /* SIGABRT, without a core */
};

struct probe_attempt {
    const char *name;
    unsigned roles; /* or-ed enum role: whose sandbox it is tried in */
    enum probe_outcome expected;
    int (*act)(void); /* 0 or -errno */
};

extern const struct probe_attempt probe_attempts[];
extern const size_t probe_attempt_count;

#endif
