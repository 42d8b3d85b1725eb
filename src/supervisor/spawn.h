/* Starts the process of a role with nothing but its arguments and its channel. */
#ifndef POSTERN_SUPERVISOR_SPAWN_H
#define POSTERN_SUPERVISOR_SPAWN_H

#include "base/attributes.h"
#include "base/strbuf.h"
#include "supervisor/role_kind.h"

/*
 * Fork and exec of the program that is open as executable. number < 0: the only one of its role. log
 * becomes its standard error. Returns the process and our end of its channel, or -1 with a sentence
 * in problem.
 */
pid_t spawn_role(const struct role_kind *kind, int executable, int number,
                 const struct places *places, int log, int *ret_channel,
                 struct strbuf *problem) MUST_USE;

#endif
