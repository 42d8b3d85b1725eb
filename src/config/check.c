/*
 * The settings of postern.conf against each other; see check.h. One function a rule, each in the list
 * of its section; called by read.c when every value has been read.
 */
#include "config/check.h"

#include "config/storage.h"
#include "config/values.h"

/* One section with its struct under both of its types, of which the rule knows which is meant. */
struct checked {
    struct reading *reading;
    struct found *found;
    const struct config_backend *backend;
    const struct config_listener *listener;
};

#define MISTAKE(checked, setting, ...)                                                             \
    mistakes_add(&(checked)->reading->mistakes, found_line((checked)->found, setting), __VA_ARGS__)

static bool is_sound(const struct checked *checked, const char *name)
{
    return found_is_sound(checked->found, name);
}

static bool has(const struct checked *checked, const char *name)
{
    return found_has(checked->found, name);
}

/* --- Top level and tls ----------------------------------------------------------------------------- */

static void check_listeners_exist(const struct checked *top)
{
    if (top->reading->config->listener_count == 0)
        MISTAKE(top, "hostname", "there is no listener, so nobody can connect; write a section listener "
                                 "NAME {...}");
}

static void check_users(const struct checked *top)
{
    const struct config *config = top->reading->config;
    if (!is_sound(top, "gate_user") || !is_sound(top, "keeper_user"))
        return;
    if (strcmp(config->gate_user, config->keeper_user) == 0)
        MISTAKE(top, has(top, "keeper_user") ? "keeper_user" : "gate_user",
                "gate_user and keeper_user are both \"%s\", so a broken gate could reach the state; write "
                "two users",
                config->gate_user);
}

static void check_root_users(const struct checked *top)
{
    const struct config *config = top->reading->config;
    if (is_sound(top, "gate_user") && strcmp(config->gate_user, "root") == 0)
        MISTAKE(top, "gate_user", "gate_user is root; write a user with no rights of its own");
    if (is_sound(top, "keeper_user") && strcmp(config->keeper_user, "root") == 0)
        MISTAKE(top, "keeper_user", "keeper_user is root; write a user with no rights of its own");
}

static void check_key_count(const struct checked *tls)
{
    const struct config_tls *values = &tls->reading->config->tls;
    if (!has(tls, "certificate") || !has(tls, "key") || !is_sound(tls, "certificate") ||
        !is_sound(tls, "key"))
        return;
    if (values->certificates.count != values->keys.count)
        MISTAKE(tls, "key", "%zu keys for %zu certificates; write one key for each, in the same order",
                values->keys.count, values->certificates.count);
}

static void check_crl(const struct checked *tls)
{
    if (has(tls, "client_crl") && !has(tls, "client_ca"))
        MISTAKE(tls, "client_crl", "client_crl can never apply without client_ca; write client_ca, or take "
                                   "it out");
}

/* --- limits -------------------------------------------------------------------------------------- */

struct limit_order {
    const char *smaller;
    const char *larger;
};

/* What must not be above what, since the larger one is reached first otherwise. */
static const struct limit_order limit_orders[] = {
    {"connections_per_address", "connections_per_prefix"},
    {"connections_per_prefix", "connections"},
    {"sessions_per_user_and_address", "sessions_per_user"},
    {"sessions_per_user", "connections"},
    {"handshake", "login"},
    {"failure_delay", "login"},
};

static void check_limits(const struct checked *limits)
{
    const struct config_limits *values = &limits->reading->config->limits;
    for (size_t i = 0; i < sizeof limit_orders / sizeof limit_orders[0]; i++) {
        const struct limit_order *order = &limit_orders[i];
        const struct setting *settings = sections[SECTION_LIMITS].settings;
        const struct setting *smaller = &settings[found_setting(limits->found, order->smaller)];
        const struct setting *larger = &settings[found_setting(limits->found, order->larger)];
        if (!is_sound(limits, order->smaller) || !is_sound(limits, order->larger) ||
            setting_number(smaller, values) <= setting_number(larger, values))
            continue;
        auto_strbuf struct strbuf low = STRBUF(32);
        auto_strbuf struct strbuf high = STRBUF(32);
        value_print(NULL, smaller, values, &low);
        value_print(NULL, larger, values, &high);
        MISTAKE(limits, has(limits, order->smaller) ? order->smaller : order->larger,
                "%s is %s, above %s, which is %s; write at most %s, or raise %s", order->smaller,
                strbuf_text(&low), order->larger, strbuf_text(&high), strbuf_text(&high), order->larger);
    }
}

/* --- backend --------------------------------------------------------------------------------------- */

static bool is_local(const char *address)
{
    struct endpoint endpoint;
    return address[0] == 'u' || (endpoint_parse(span_of(address), &endpoint) &&
                                 ip_is_loopback(&endpoint.ip));
}

static void check_clear_text(const struct checked *backend)
{
    const struct config_backend *values = backend->backend;
    size_t remote = 0;
    if (!is_sound(backend, "tls") || !is_sound(backend, "address") ||
        !is_sound(backend, "allow_clear_text"))
        return;
    while (remote < values->addresses.count && is_local(values->addresses.at[remote]))
        remote++;
    bool is_needed = values->tls == BACKEND_TLS_NONE && remote < values->addresses.count;
    if (is_needed && !values->allow_clear_text)
        MISTAKE(backend, "address",
                "passwords would go to \"%s\" unencrypted; write tls = implicit or starttls with tls_name, "
                "or allow_clear_text = yes",
                values->addresses.at[remote]);
    if (!is_needed && values->allow_clear_text)
        MISTAKE(backend, "allow_clear_text",
                "allow_clear_text can never apply here: nothing leaves this machine unencrypted; take it "
                "out");
}

static void check_backend_tls(const struct checked *backend)
{
    if (!is_sound(backend, "tls"))
        return;
    bool is_clear = backend->backend->tls == BACKEND_TLS_NONE;
    if (!is_clear && !has(backend, "tls_name"))
        MISTAKE(backend, "tls",
                "tls_name is missing: without it nobody can tell whose certificate is right; write tls_name "
                "= the DNS name in the backend's certificate");
    if (is_clear && has(backend, "tls_name"))
        MISTAKE(backend, "tls_name", "tls_name can never apply with tls = none; take it out, or write tls = "
                                     "implicit or starttls");
    if (is_clear && has(backend, "ca"))
        MISTAKE(backend, "ca",
                "ca can never apply with tls = none; take it out, or write tls = implicit or starttls");
}

static void check_master(const struct checked *backend)
{
    if (has(backend, "master_user") && !has(backend, "master_password_file"))
        MISTAKE(backend, "master_user",
                "master_user has no password; write master_password_file = /path");
    if (!has(backend, "master_user") && has(backend, "master_password_file"))
        MISTAKE(backend, "master_password_file",
                "master_password_file is of no use without master_user; write master_user = NAME, or take "
                "it out");
}

static void check_backend_used(const struct checked *backend)
{
    const struct config *config = backend->reading->config;
    struct reading *reading = backend->reading;
    size_t listener = 0;
    for (size_t i = 0; i < reading->found_count; i++) {
        const struct found *found = &reading->found[i];
        if (found->key != SECTION_LISTENER)
            continue;
        if (!found_has(found, "backend") || !found_is_sound(found, "backend") ||
            &config->backends[config->listeners[listener].backend] == backend->backend)
            return;
        listener++;
    }
    mistakes_add(&reading->mistakes, backend->found->line,
                 "backend %s is used by no listener; name it in one, or take it out", backend->found->title);
}

/* --- listener --------------------------------------------------------------------------------------- */

static const struct config_backend *listener_backend(const struct checked *listener)
{
    if (!has(listener, "backend") || !is_sound(listener, "backend"))
        return NULL;
    return &listener->reading->config->backends[listener->listener->backend];
}

static struct found *listener_backend_found(const struct checked *listener)
{
    const struct config_backend *backend = listener_backend(listener);
    return backend == NULL ? NULL : reading_find(listener->reading, SECTION_BACKEND, backend->name);
}

static bool has_way_in(const struct config_listener *listener, unsigned factors)
{
    for (size_t i = 0; i < listener->login_count; i++)
        if (listener->logins[i] == factors)
            return true;
    return false;
}

/* A way in that asks for all that another one asks for, and more, lets nobody in who isn't in already. */
static void check_ways_in(const struct checked *listener)
{
    const struct config_listener *values = listener->listener;
    for (size_t i = 0; i < values->login_count; i++) {
        for (size_t other = 0; other < values->login_count; other++) {
            unsigned mine = values->logins[i];
            unsigned theirs = values->logins[other];
            if (other == i || (mine & theirs) != theirs || (mine == theirs && other > i))
                continue;
            MISTAKE(listener, "login",
                    "\"%s\" can never apply, because %s alone lets in; take one of them out",
                    term_name(factor_terms, mine), term_name(factor_terms, theirs));
            break;
        }
    }
}

static void check_certificate_authority(const struct checked *listener)
{
    struct found *tls = reading_find(listener->reading, SECTION_TLS, NULL);
    for (size_t i = 0; i < listener->listener->login_count; i++) {
        unsigned factors = listener->listener->logins[i];
        if ((factors & FACTOR_CERTIFICATE) == 0 || found_has(tls, "client_ca"))
            continue;
        MISTAKE(listener, "login",
                "\"%s\" can never apply: no authority for client certificates is named; write client_ca in "
                "section tls",
                term_name(factor_terms, factors));
        return;
    }
}

static void check_certificate_alone(const struct checked *listener)
{
    struct found *backend = listener_backend_found(listener);
    if (backend == NULL || found_has(backend, "master_user") ||
        !has_way_in(listener->listener, FACTOR_CERTIFICATE))
        return;
    MISTAKE(listener, "login",
            "certificate alone can't work with backend %s: it wants a password, and nobody has one to give "
            "to it; write \"certificate+password\", or master_user in the backend",
            backend->title);
}

static void check_preauth(const struct checked *listener)
{
    if (!listener->listener->preauth || !is_sound(listener, "tls") || !is_sound(listener, "login"))
        return;
    if (has(listener, "tls") && listener->listener->tls != LISTENER_TLS_IMPLICIT)
        MISTAKE(listener, "preauth", "preauth can't be used with STARTTLS, where the greeting comes before "
                                     "the certificate; write tls = implicit, or take it out");
    if (has(listener, "login") && !has_way_in(listener->listener, FACTOR_CERTIFICATE))
        MISTAKE(listener, "preauth",
                "preauth can never apply: certificate is not among the ways in; write it in login, or take "
                "preauth out");
}

/* The first section of listeners, and the entry in it, that has this address; else NULL. */
static struct found *find_same_bind(const struct checked *listener, size_t index)
{
    struct reading *reading = listener->reading;
    struct endpoint mine;
    size_t number = 0;
    if (!endpoint_parse(span_of(listener->listener->binds.at[index]), &mine))
        return NULL;
    for (size_t i = 0; i < reading->found_count; i++) {
        if (reading->found[i].key != SECTION_LISTENER)
            continue;
        const struct config_listener *other = &reading->config->listeners[number++];
        size_t end = other == listener->listener ? index : other->binds.count;
        for (size_t bind = 0; bind < end; bind++) {
            struct endpoint theirs;
            if (endpoint_parse(span_of(other->binds.at[bind]), &theirs) &&
                theirs.port == mine.port && ip_equal(&theirs.ip, &mine.ip))
                return &reading->found[i];
        }
        if (other == listener->listener)
            return NULL;
    }
    return NULL;
}

static void check_binds(const struct checked *listener)
{
    for (size_t i = 0; i < listener->listener->binds.count; i++) {
        struct found *same = find_same_bind(listener, i);
        if (same != NULL)
            MISTAKE(listener, "bind", "\"%s\" is bound already by listener %s (line %d); write it once",
                    listener->listener->binds.at[i], same->title, found_line(same, "bind"));
    }
}

/* --- All ----------------------------------------------------------------------------------------- */

typedef void check_rule(const struct checked *checked);

enum { RULES_MAX = 8 };

static check_rule *const rules[SECTION_COUNT][RULES_MAX] = {
    [SECTION_TOP] = {check_listeners_exist, check_users, check_root_users},
    [SECTION_TLS] = {check_key_count, check_crl},
    [SECTION_LIMITS] = {check_limits},
    [SECTION_BACKEND] = {check_clear_text, check_backend_tls, check_master, check_backend_used},
    [SECTION_LISTENER] = {check_ways_in, check_certificate_authority, check_certificate_alone,
                          check_preauth, check_binds},
};

void check_all(struct reading *reading)
{
    const struct config_backend *backend = reading->config->backends;
    const struct config_listener *listener = reading->config->listeners;
    for (size_t i = 0; i < reading->found_count; i++) {
        struct checked checked = {.reading = reading, .found = &reading->found[i]};
        if (checked.found->key == SECTION_BACKEND)
            checked.backend = backend++;
        if (checked.found->key == SECTION_LISTENER)
            checked.listener = listener++;
        for (size_t rule = 0; rule < RULES_MAX && rules[checked.found->key][rule] != NULL; rule++)
            rules[checked.found->key][rule](&checked);
    }
}
