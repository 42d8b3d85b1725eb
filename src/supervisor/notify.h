/* Tells the service manager how we are, as sd_notify(3) describes it. */
#ifndef POSTERN_SUPERVISOR_NOTIFY_H
#define POSTERN_SUPERVISOR_NOTIFY_H

enum notify_state { NOTIFY_READY, NOTIFY_RELOADING, NOTIFY_STOPPING };

/* Does nothing when no manager asked to be told. */
void notify_manager(enum notify_state state);

#endif
