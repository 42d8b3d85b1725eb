/*
 * The log of the roles. They write into one pipe, and the supervisor passes on what comes out,
 * unread: so no role holds the log file or the terminal, which it could overwrite. While Postern
 * starts, the pipe holds back what it gets, the supervisor's own records too: a start that fails
 * says one line, why.
 */
#ifndef POSTERN_SUPERVISOR_RELAY_H
#define POSTERN_SUPERVISOR_RELAY_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/attributes.h"

struct relay {
    int input;  /* of the roles, for their descriptor 2; -1: not open */
    int output; /* ours */
    int standard_error;
    struct event *readable;
    bool is_holding;
    bool is_dropping;
};

/* Begins to hold back. 0 or -errno. */
int relay_init(struct relay *relay, struct event_base *loop) MUST_USE;

/* Goes on with the pipe of the supervisor before, whose roles write into it. 0 or -errno. */
int relay_take_over(struct relay *relay, struct event_base *loop, int input, int output,
                    int standard_error) MUST_USE;

/* Lets go: what was held back comes out, in its order, and from now on all else. */
void relay_release(struct relay *relay);

/* Forgets what is held back, and what still comes. */
void relay_drop(struct relay *relay);

/* Passes on what is left, when no role lives any more. */
void relay_fini(struct relay *relay);

#endif
