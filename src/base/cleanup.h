/*
 * Ownership of locals: a variable marked auto_… is released when it leaves scope. take(&p) hands
 * the value on and leaves NULL (take_fd: -1) behind, so that each thing has one owner at a time.
 */
#ifndef POSTERN_BASE_CLEANUP_H
#define POSTERN_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define auto_free  __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))

/* Yields *p and sets it to NULL. */
#define take(p)                                                                                    \
    (__extension__({                                                                               \
        __typeof__(*(p)) taken_value = *(p);                                                       \
        *(p) = NULL;                                                                               \
        taken_value;                                                                               \
    }))

#endif
