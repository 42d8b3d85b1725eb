/*
 * The gate's executable: prepares what needs files, confines itself, and runs the loop. Started by the
 * supervisor, one a core.
 */
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "backend/tls_client.h"
#include "base/log.h"
#include "gate/gate.h"
#include "protocol/login_name.h"
#include "role/role.h"

/*
 * Libraries that read files or set themselves up at their first use have it here: OpenSSL (without its
 * configuration file: what it says is not checked by check-config), the system's authorities, ICU's
 * tables.
 */
static void gate_prepare_libraries(void)
{
    static const struct login_name_rules rules = {.default_domain = {NULL, 0}};
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
                             OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                         NULL) != 1) {
        log_sentence(LOG_ERROR, "start_failed", "OpenSSL can't be initialised");
        exit(EXIT_FAILURE);
    }
    tls_client_load_system_store();
    (void)!login_name_canonicalise(SPAN("\xc3\xa9@\xc3\xa9.example"), &rules, &login);
}

int main(int argc, char **argv)
{
    struct role_start start;
    struct event_base *loop;
    struct gate *gate = calloc(1, sizeof *gate);
    role_begin(&start, argc, argv, &role_profile_gate);
    gate_prepare_libraries();
    loop = event_base_new();
    if (loop == NULL || gate == NULL) {
        log_sentence(LOG_ERROR, "start_failed", "no memory for the event loop");
        return EXIT_FAILURE;
    }
    role_confine(&start);
    gate_init(gate, loop, start.number, ROLE_CHANNEL_FD);
    (void)event_base_dispatch(loop);
    gate_fini(gate);
    event_base_free(loop);
    free(gate);
    return EXIT_SUCCESS;
}
