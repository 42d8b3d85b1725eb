/* The control socket, on which the keeper hears the command line. */
#ifndef POSTERN_SUPERVISOR_CONTROL_H
#define POSTERN_SUPERVISOR_CONTROL_H

#include "base/attributes.h"
#include "base/strbuf.h"

/*
 * Makes the socket, listening; one that a dead supervisor left is replaced. Its descriptor, or -1
 * with a sentence in problem, which is what a second start with the same configuration gets.
 */
int control_open(const char *path, struct strbuf *problem) MUST_USE;

/* The one of the supervisor before. As control_open, when it has another name than path. */
int control_take_over(int fd, const char *path, struct strbuf *problem) MUST_USE;

/* Closes it and removes its name, if that still is its name. */
void control_close(int fd, const char *path);

#endif
