/* libexec/postern/keeper: started by the supervisor, as role/role.h says. */
#include <event2/event.h>

#include "base/log.h"
#include "keeper/keeper.h"
#include "role/role.h"

int main(int argc, char **argv)
{
    static struct keeper keeper;
    struct role_start start;
    role_begin(&start, argc, argv, &role_profile_keeper);
    struct event_base *loop = event_base_new();
    int result = loop == NULL ? -1 : keeper_init(&keeper, loop, ROLE_CHANNEL_FD, getuid());
    if (result < 0) {
        log_sentence(LOG_ERROR, "role_failed", "the keeper can't begin: no memory or no event loop");
        return EXIT_FAILURE;
    }
    role_confine(&start);
    (void)event_base_dispatch(loop);
    keeper_fini(&keeper);
    event_base_free(loop);
    return EXIT_SUCCESS;
}
