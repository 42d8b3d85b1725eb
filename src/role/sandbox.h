/*
 * The parts of a role's sandbox, each entered by one function of this folder. A part is in force
 * when its function says so; what the machine does not offer is missing and gets named; anything
 * else ends the role before it has seen a byte from outside.
 */
#ifndef POSTERN_ROLE_SANDBOX_H
#define POSTERN_ROLE_SANDBOX_H

#include "base/attributes.h"
#include "role/role.h"

enum sandbox_result {
    SANDBOX_IN_FORCE,
    SANDBOX_MISSING, /* not to be had here: by this user, on this kernel */
    SANDBOX_UNMEANT, /* this role keeps that right */
};

/* Each returns an enum sandbox_result, or -errno when what should work did not. */
int sandbox_leave_network(const struct role_start *start) MUST_USE;
int sandbox_enter_root(const struct role_start *start) MUST_USE;
int sandbox_become_user(const struct role_start *start) MUST_USE;
int sandbox_set_limits(const struct role_start *start) MUST_USE;
int sandbox_refuse_privileges(const struct role_start *start) MUST_USE;
int sandbox_limit_files(const struct role_start *start) MUST_USE;        /* Landlock */
int sandbox_limit_system_calls(const struct role_start *start) MUST_USE; /* seccomp */

/* The system calls that sanitizers make on top; empty, and false, in an ordinary build. */
extern const int sandbox_sanitizer_calls[]; /* ends with -1 */
extern const bool sandbox_is_sanitized;

#endif
