/* Stopping: the gates finish what they have, then the keeper ends, then the loop. */
#ifndef POSTERN_SUPERVISOR_STOP_H
#define POSTERN_SUPERVISOR_STOP_H

#include "supervisor/supervisor.h"

/* Begins to stop. Called again, a while later, it ends the gates at once. */
void stop_begin(struct supervisor *supervisor);

/* While stopping: goes on when a process has ended. */
void stop_advance(struct supervisor *supervisor);

#endif
