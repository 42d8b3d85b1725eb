/* libexec/postern/broker: started by the supervisor, as role/role.h says. */
#include <event2/event.h>
#include <openssl/crypto.h>
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
    /* Later it would look for its configuration file, which check-config does not check. */
    bool is_ready = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_CIPHERS |
                                            OPENSSL_INIT_ADD_ALL_DIGESTS,
                                        NULL) == 1;
    int result = loop == NULL || !is_ready ? -1 : broker_init(&broker, loop, ROLE_CHANNEL_FD);
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
