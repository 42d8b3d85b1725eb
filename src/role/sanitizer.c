/*
 * What a build with sanitizers needs on top: the calls that their runtimes make, and no search for
 * leaks at exit, which would attach to the process from outside. An ordinary build gets nothing.
 */
#include <seccomp.h>

#include "role/sandbox.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define BUILT_WITH_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(BUILT_WITH_SANITIZER)
#define BUILT_WITH_SANITIZER 1
#endif

#ifdef BUILT_WITH_SANITIZER

const bool sandbox_is_sanitized = true;
const int sandbox_sanitizer_calls[] = {
    SCMP_SYS(sigaltstack), SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(stat), SCMP_SYS(prctl), SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity), SCMP_SYS(getppid), -1,
};

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}

#else

const bool sandbox_is_sanitized = false;
const int sandbox_sanitizer_calls[] = {-1};

#endif
