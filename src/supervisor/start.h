/*
 * Starting: the keeper, then the gates, each told what it is to do and joined to those it talks
 * with. Any failure before all are ready ends the start; later an empty place is filled again.
 */
#ifndef POSTERN_SUPERVISOR_START_H
#define POSTERN_SUPERVISOR_START_H

#include "supervisor/supervisor.h"

/* Starts a process in that place, which is empty, or plans the next try. */
void start_process(struct supervisor *supervisor, struct process *process);

/* Starts what ended while a reload was going on. */
void start_absent(struct supervisor *supervisor);

/* While starting: goes on when all that were started have answered; the last step says "ready". */
void start_advance(struct supervisor *supervisor);

/*
 * True while any failure ends the start: not, when the roles of a former release serve meanwhile. What
 * fails then is started again.
 */
bool start_is_all_or_nothing(const struct supervisor *supervisor);

/*
 * While starting: ends it with that sentence. says_all: what the roles have logged comes out too,
 * since it may be the reason; else the sentence is all that is said.
 */
void start_fail(struct supervisor *supervisor, const char *sentence, bool says_all);

#endif
