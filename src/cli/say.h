/* What a command says to the person who typed it. */
#ifndef POSTERN_CLI_SAY_H
#define POSTERN_CLI_SAY_H

#include <stdbool.h>

#include "base/attributes.h"

/* One line on standard error: "postern: …". Octets that could steer a terminal are shown as \xXX. */
void say(const char *format, ...) PRINTF_LIKE(1, 2);

/* Writes out standard output. False, having said so, when that fails: a full disk, a closed pipe. */
bool say_flush(void) MUST_USE;

#endif
