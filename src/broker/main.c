/* libexec/postern/broker: started by the supervisor, as role/role.h says. */
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "base/log.h"
#include "broker/broker.h"
#include "protocol/login_name.h"
#include "role/role.h"

/*
 * Libraries that read files at their first use have it here: OpenSSL (later it would look for its
 * configuration file, which check-config does not check), ICU's tables.
 */
static bool broker_prepare_libraries(void)
{
    static const struct login_name_rules rules = {.default_domain = {NULL, 0}};
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    (void)!login_name_canonicalise(SPAN("\xc3\xa9@\xc3\xa9.example"), &rules, &login);
    return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
                                OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
                                OPENSSL_INIT_ADD_ALL_DIGESTS,
                            NULL) == 1;
}

int main(int argc, char **argv)
{
    static struct broker broker;
    struct role_start start;
    role_begin(&start, argc, argv, &role_profile_broker);
    struct event_base *loop = event_base_new();
    bool is_ready = broker_prepare_libraries();
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
