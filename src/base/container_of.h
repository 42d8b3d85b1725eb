/* From a member to the struct around it. */
#ifndef POSTERN_BASE_CONTAINER_OF_H
#define POSTERN_BASE_CONTAINER_OF_H

#include <stddef.h>
#include <stdint.h>

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((uint8_t *)(pointer)-offsetof(type, member)))

#endif
