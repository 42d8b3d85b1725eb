/* The authority's passphrase: from a file, or from the terminal without showing it. */
#ifndef POSTERN_CLI_PASSPHRASE_H
#define POSTERN_CLI_PASSPHRASE_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/secret.h"

/*
 * Reads it from file, or asks at the terminal where file is NULL; is_new: asks twice, and both must be
 * the same. False, said. The caller ends the secret with secret_fini.
 */
bool passphrase_obtain(const char *file, bool is_new, struct secret *ret_passphrase) MUST_USE;

#endif
