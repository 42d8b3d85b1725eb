/* See supervisor_gone.h. Called from gate.c, keeper/setup.c and broker.c. */
#include "role/supervisor_gone.h"

#include "base/log.h"

void role_supervisor_gone(struct event_base *loop, enum channel_end end)
{
    if (end != CHANNEL_PEER_GONE) {
        struct log_record record;
        log_begin(&record, LOG_ERROR, "supervisor_lost");
        log_text(&record, "reason", channel_end_text(end));
        log_end(&record);
    }
    (void)event_base_loopbreak(loop);
}
