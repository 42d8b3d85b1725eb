/* libexec/postern/broker: started by the supervisor, as role/role.h says. */
#include <event2/event.h>
#include <stdlib.h>

#include "base/log.h"
#include "broker/broker.h"
#include "role/role.h"

int main(int argc, char **argv)
{
    static struct broker broker;
    struct role_start start;
    role_begin(&start, argc, argv, &role_profile_broker);
    struct event_base *loop = event_base_new();
    int result = loop == NULL ? -1 : broker_init(&broker, loop, ROLE_CHANNEL_FD);
    if (result < 0) {
        log_sentence(LOG_ERROR, "role_failed", "the broker can't begin: no memory or no event loop");
        return EXIT_FAILURE;
    }
    role_confine(&start);
    (void)event_base_dispatch(loop);
    broker_fini(&broker);
    event_base_free(loop);
    return EXIT_SUCCESS;
}
