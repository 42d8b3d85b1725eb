/*
 * Warnings before the certificates of registered devices end: an event 30, 7 and 1 days before, once each,
 * also over restarts. Each call looks at a slice of the devices and goes on there the next time, so that
 * half a million of them never hold up a login. Owns nothing.
 */
#ifndef POSTERN_KEEPER_EXPIRY_H
#define POSTERN_KEEPER_EXPIRY_H

#include <stddef.h>
#include <stdint.h>

#include "keeper/devices.h"

enum {
    EXPIRY_LOOKS_MAX = 20000,  /* devices looked at in one call: 500,000 are seen in 7 minutes */
    EXPIRY_WARNINGS_MAX = 200, /* events in one call; a CA's worth of certificates may end on one day */
};

struct expiry {
    size_t next; /* the device that is looked at next */
};

/* Writes the events that are due and notes them; the caller then flushes the devices. */
void expiry_warn(struct expiry *expiry, struct devices *devices, int64_t now_s);

#endif
