/*
 * The settings of postern.conf against each other; see check.h. One function a rule, each in the
 * list of its section; called by read.c when every value has been read.
 */
#include "config/check_rules.h"

#include <stddef.h>

#include "config/values.h"

/* --- Top level and tls
 * ----------------------------------------------------------------------------- */

static void check_listeners_exist(const struct checked *top)
{
    if (top->reading->config->listener_count == 0)
        mistakes_add(
            &top->reading->mistakes, 1,
            "there is no listener, so nobody can connect; write a section listener NAME {...}");
}

/* The users of the roles, and what somebody gains who has broken into another of the same user. */
static const struct {
    const char *name;
    size_t offset; /* of a char * in struct config */
    const char *prize;
} role_users[] = {
    {"gate_user", offsetof(struct config, gate_user), "the gates"},
    {"keeper_user", offsetof(struct config, keeper_user), "the state"},
    {"broker_user", offsetof(struct config, broker_user), "the keys"},
};
enum { ROLE_USERS = sizeof role_users / sizeof *role_users };

static const char *role_user(const struct checked *top, size_t i)
{
    const struct config *config = top->reading->config;
    return *(char *const *)(const void *)((const char *)config + role_users[i].offset);
}

static void check_two_users(const struct checked *top, size_t first, size_t second)
{
    const char *one = role_users[first].name;
    const char *other = role_users[second].name;
    if (!checked_is_sound(top, one) || !checked_is_sound(top, other))
        return;
    if (strcmp(role_user(top, first), role_user(top, second)) == 0)
        MISTAKE(top, checked_has(top, other) ? other : one,
                "%s and %s are both \"%s\", so a broken %.*s could reach %s; write two users", one,
                other, role_user(top, first), (int)strcspn(one, "_"), one, role_users[second].prize);
}

static void check_users(const struct checked *top)
{
    for (size_t i = 0; i < ROLE_USERS; i++)
        for (size_t j = i + 1; j < ROLE_USERS; j++)
            check_two_users(top, i, j);
}

static void check_root_users(const struct checked *top)
{
    for (size_t i = 0; i < ROLE_USERS; i++)
        if (checked_is_sound(top, role_users[i].name) && strcmp(role_user(top, i), "root") == 0)
            MISTAKE(top, role_users[i].name, "%s is root; write a user with no rights of its own",
                    role_users[i].name);
}

static void check_key_count(const struct checked *tls)
{
    const struct config_tls *values = &tls->reading->config->tls;
    if (!checked_has(tls, "certificate") || !checked_has(tls, "key") ||
        !checked_is_sound(tls, "certificate") || !checked_is_sound(tls, "key"))
        return;
    if (values->certificates.count != values->keys.count)
        MISTAKE(tls, "key",
                "%zu keys for %zu certificates; write one key for each, in the same order",
                values->keys.count, values->certificates.count);
}

/* --- limits ---------------------------------------------------------------------------------- */

struct limit_order {
    const char *smaller;
    const char *larger;
};

/*
 * What must not be above what, since the larger one is reached first otherwise. Wide before narrow:
 * a default gives way to a wider limit that was written, and then the next one to it.
 */
static const struct limit_order limit_orders[] = {
    {"connections_per_prefix", "connections"},
    {"connections_per_address", "connections_per_prefix"},
    {"sessions_per_user", "connections"},
    {"sessions_per_user_and_address", "sessions_per_user"},
    {"handshake", "login"},
    {"failure_delay", "login"},
};

static void check_limits(const struct checked *limits)
{
    struct config_limits *values = &limits->reading->config->limits;
    for (size_t i = 0; i < sizeof limit_orders / sizeof limit_orders[0]; i++) {
        const struct limit_order *order = &limit_orders[i];
        const struct setting *settings = sections[SECTION_LIMITS].settings;
        const struct setting *smaller = &settings[found_setting(limits->found, order->smaller)];
        const struct setting *larger = &settings[found_setting(limits->found, order->larger)];
        if (!checked_is_sound(limits, order->smaller) || !checked_is_sound(limits, order->larger) ||
            setting_number(smaller, values) <= setting_number(larger, values))
            continue;
        if (!checked_has(limits, order->smaller)) {
            setting_set_number(smaller, values, setting_number(larger, values));
            continue;
        }
        auto_strbuf struct strbuf low = STRBUF(32);
        auto_strbuf struct strbuf high = STRBUF(32);
        value_print(NULL, smaller, values, &low);
        value_print(NULL, larger, values, &high);
        MISTAKE(limits, order->smaller,
                "%s is %s, above %s, which is %s; write at most %s, or raise %s", order->smaller,
                strbuf_text(&low), order->larger, strbuf_text(&high), strbuf_text(&high),
                order->larger);
    }
}

/* --- backend
 * --------------------------------------------------------------------------------------- */

static bool is_local(const char *address)
{
    struct endpoint endpoint;
    return endpoint_parse(span_of(address), &endpoint) && ip_is_loopback(&endpoint.ip);
}

static void check_clear_text(const struct checked *backend)
{
    const struct config_backend *values = backend->backend;
    size_t remote = 0;
    if (!checked_is_sound(backend, "tls") || !checked_is_sound(backend, "address") ||
        !checked_is_sound(backend, "allow_clear_text"))
        return;
    while (remote < values->addresses.count && is_local(values->addresses.at[remote]))
        remote++;
    bool is_needed = values->tls == BACKEND_TLS_NONE && remote < values->addresses.count;
    if (is_needed && !values->allow_clear_text)
        MISTAKE(backend, "address",
                "passwords would go to \"%s\" unencrypted; write tls = implicit or starttls with "
                "tls_name, "
                "or allow_clear_text = yes",
                values->addresses.at[remote]);
    if (!is_needed && values->allow_clear_text)
        MISTAKE(backend, "allow_clear_text",
                "allow_clear_text can never apply here: nothing leaves this machine unencrypted; "
                "take it "
                "out");
}

static void check_backend_tls(const struct checked *backend)
{
    if (!checked_is_sound(backend, "tls"))
        return;
    bool is_clear = backend->backend->tls == BACKEND_TLS_NONE;
    if (!is_clear && !checked_has(backend, "tls_name"))
        MISTAKE(backend, "tls",
                "tls_name is missing: without it nobody can tell whose certificate is right; write "
                "tls_name "
                "= the DNS name in the backend's certificate");
    if (is_clear && checked_has(backend, "tls_name"))
        MISTAKE(backend, "tls_name",
                "tls_name can never apply with tls = none; take it out, or write tls = "
                "implicit or starttls");
    if (is_clear && checked_has(backend, "ca"))
        MISTAKE(
            backend, "ca",
            "ca can never apply with tls = none; take it out, or write tls = implicit or starttls");
}

static void check_master(const struct checked *backend)
{
    if (checked_has(backend, "master_user") && !checked_has(backend, "master_password_file"))
        MISTAKE(backend, "master_user",
                "master_user has no password; write master_password_file = /path");
    if (!checked_has(backend, "master_user") && checked_has(backend, "master_password_file"))
        MISTAKE(backend, "master_password_file",
                "master_password_file is of no use without master_user; write master_user = NAME, "
                "or take "
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
                 "backend %s is used by no listener; name it in one, or take it out",
                 backend->found->title);
}

/* --- All ------------------------------------------------------------------------------------- */

static check_rule *const top_rules[] = {check_listeners_exist, check_users, check_root_users, NULL};
static check_rule *const tls_rules[] = {check_key_count, NULL};
static check_rule *const login_rules[] = {NULL};
static check_rule *const limits_rules[] = {check_limits, NULL};
static check_rule *const journal_rules[] = {NULL};
static check_rule *const backend_rules[] = {check_clear_text, check_backend_tls, check_master,
                                            check_backend_used, NULL};

static check_rule *const *const rules[SECTION_COUNT] = {
    [SECTION_TOP] = top_rules,         [SECTION_TLS] = tls_rules,
    [SECTION_CLIENT_CA] = client_ca_rules, [SECTION_LOGIN] = login_rules,
    [SECTION_LIMITS] = limits_rules,   [SECTION_JOURNAL] = journal_rules,
    [SECTION_BACKEND] = backend_rules,
    [SECTION_LISTENER] = listener_rules,
    [SECTION_GROUP] = group_rules,     [SECTION_LOGIN_RULE] = login_rule_rules,
};

void check_all(struct reading *reading)
{
    const struct config_backend *backend = reading->config->backends;
    const struct config_listener *listener = reading->config->listeners;
    const struct config_client_ca *client_ca = reading->config->client_cas;
    const struct config_group *group = reading->config->groups;
    const struct config_login_rule *login_rule = reading->config->login_rules;
    for (size_t i = 0; i < reading->found_count; i++) {
        struct checked checked = {.reading = reading, .found = &reading->found[i]};
        if (checked.found->key == SECTION_BACKEND)
            checked.backend = backend++;
        if (checked.found->key == SECTION_LISTENER)
            checked.listener = listener++;
        if (checked.found->key == SECTION_CLIENT_CA)
            checked.client_ca = client_ca++;
        if (checked.found->key == SECTION_GROUP)
            checked.group = group++;
        if (checked.found->key == SECTION_LOGIN_RULE)
            checked.login_rule = login_rule++;
        for (check_rule *const *rule = rules[checked.found->key]; *rule != NULL; rule++)
            (*rule)(&checked);
    }
}
