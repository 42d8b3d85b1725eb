/* What the owner of a new device has to do in common mail programs, in his language. */
#ifndef POSTERN_CLI_INSTRUCTIONS_H
#define POSTERN_CLI_INSTRUCTIONS_H

#include "cli/device_add.h"

/* --language, or what the environment says. False, said, for a language that is not there. */
bool instructions_choose(const char *language, bool *ret_is_french) MUST_USE;

/* Prints them for the form that was written. */
void instructions_print(const struct device_adding *adding);

#endif
