/*
 * The guard before libconfuse. libconfuse stops at its first error, takes the last of two values,
 * drops octets that it doesn't know, expands ${…} and keeps no lines; so the text is first read
 * here: each mistake of form is recorded with its line, and what was refused is blanked out, so
 * that libconfuse reads the rest and the errors of its values stand in the same report.
 */
#ifndef POSTERN_CONFIG_SCAN_H
#define POSTERN_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "config/reading.h"

/*
 * Fills reading->found, adds the mistakes of form, and blanks comments and refused parts out of
 * text (NUL-terminated; len octets before it). False: the form is so broken that the rest can't be
 * judged. After true, libconfuse reads what is left in text without an error.
 */
bool scan(struct reading *reading, char *text, size_t len) MUST_USE;

#endif
