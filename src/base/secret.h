/*
 * Passwords, tokens and keys in memory. A secret is wiped when it ends, is compared in constant
 * time, and has no printer: nothing in the tree can log one by accident.
 */
#ifndef POSTERN_BASE_SECRET_H
#define POSTERN_BASE_SECRET_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"

struct secret {
    uint8_t *at; /* owned; NULL when empty */
    size_t len;
};

/* Replaces the content by a copy of bytes. 0, or -ENOMEM with the old content wiped. */
int secret_set(struct secret *secret, struct span bytes) MUST_USE;

/* Wipes and frees. */
void secret_fini(struct secret *secret);

/* Equality whose time depends on the lengths only. */
bool secret_equal(struct span a, struct span b);

static inline struct span secret_span(const struct secret *secret)
{
    return span_make(secret->at, secret->len);
}

#endif
