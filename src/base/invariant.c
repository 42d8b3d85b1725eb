/* The last words of a process that found itself in a state that it excludes. */
#include "base/invariant.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void invariant_failed(const char *claim, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof text, "postern: invariant failed: %s (%s:%d)\n", claim, file, line);
    if (len > 0) {
        size_t size = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
        ssize_t ignored = write(STDERR_FILENO, text, size);
        (void)ignored;
    }
    abort();
}
