/* Collects what the supervisor says of logins by certificate; see settings.h. Called from broker.c. */
#include "broker/settings.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "config/terms.h"
#include "policy/login_rules_told.h"

struct settings *settings_new(const struct message_configure_begin *begin)
{
    struct settings *settings = calloc(1, sizeof *settings);
    if (settings == NULL)
        return NULL;
    settings->references = 1;
    arena_init(&settings->arena, SETTINGS_ARENA_MAX);
    settings->login_names.default_domain = span_of(arena_copy(&settings->arena, begin->default_domain));
    settings->login_names.netbios_domains = span_of(arena_copy(&settings->arena, begin->netbios_domains));
    if (settings->login_names.default_domain.at != NULL && settings->login_names.netbios_domains.at != NULL)
        return settings;
    settings_unref(settings);
    return NULL;
}

struct settings *settings_ref(struct settings *settings)
{
    settings->references++;
    return settings;
}

void settings_unref(struct settings *settings)
{
    if (settings == NULL || --settings->references > 0)
        return;
    for (size_t i = 0; i < settings->backend_count; i++)
        backend_fini(settings->backends[i]);
    authorities_free(settings->authorities);
    login_rules_free(settings->login_rules);
    arena_fini(&settings->arena);
    free(settings);
}

bool settings_add_client_ca(struct settings *settings, const struct message_configure_client_ca *message,
                            struct strbuf *why)
{
    if (settings->authorities == NULL)
        settings->authorities = authorities_new();
    if (settings->authorities == NULL) {
        strbuf_append(why, "out of memory");
        return false;
    }
    struct client_ca_request request = CLIENT_CA_REQUEST(message);
    return authorities_add(settings->authorities, &request, why);
}

bool settings_add_group(struct settings *settings, const struct message_configure_group *message,
                        struct strbuf *why)
{
    return login_rules_take_group(&settings->login_rules, &settings->login_names, message, why);
}

bool settings_add_login_rule(struct settings *settings, const struct message_configure_login_rule *message,
                             struct strbuf *why)
{
    return login_rules_take(&settings->login_rules, &settings->login_names, message, why);
}

bool settings_add_backend(struct settings *settings, const struct message_configure_backend *message,
                          struct strbuf *why)
{
    struct login_name_rules *names = &settings->login_names;
    struct backend *backend = arena_alloc(&settings->arena, 1, sizeof *backend);
    if (backend == NULL || settings->backend_count == SETTINGS_BACKENDS_MAX) {
        strbuf_append(why, "more backends than the broker takes");
        return false;
    }
    settings->backends[settings->backend_count++] = backend;
    if (names->master_separator.len == 0)
        names->master_separator = span_of(arena_copy(&settings->arena, message->master_separator));
    /* To one that is reached by TLS gates connect: it needs no context here. */
    struct message_configure_backend ours = *message;
    ours.tls = BACKEND_TLS_NONE;
    if (!backend_configure(backend, &ours, &settings->arena, why))
        return false;
    backend->tls = (enum config_backend_tls)message->tls;
    return true;
}

static struct backend *settings_find_backend(const struct settings *settings, struct span name)
{
    for (size_t i = 0; i < settings->backend_count; i++)
        if (span_equal(span_of(settings->backends[i]->name), name))
            return settings->backends[i];
    return NULL;
}

/* Whether one of the alternatives, one a line, is a certificate and nothing else. */
static bool settings_takes_certificate(struct span lines)
{
    while (lines.at != NULL && lines.len > 0) {
        unsigned factors;
        if (factors_parse(span_cut(&lines, '\n'), &factors) && factors == FACTOR_CERTIFICATE)
            return true;
    }
    return false;
}

bool settings_add_listener(struct settings *settings, const struct message_configure_listener *message,
                           struct strbuf *why)
{
    if (settings_find_listener(settings, message->name) != NULL)
        return true; /* another address of the same */
    struct listener listener = {.name = arena_copy(&settings->arena, message->name),
                                .backend = settings_find_backend(settings, message->backend),
                                .takes_certificate = settings_takes_certificate(message->login),
                                .observes = message->mode == LISTENER_OBSERVE};
    if (listener.name == NULL || settings->listener_count == SETTINGS_LISTENERS_MAX)
        strbuf_append(why, "more listeners than the broker takes");
    else if (listener.backend == NULL)
        strbuf_format(why, "listener %s names a backend that is not there", listener.name);
    else
        settings->listeners[settings->listener_count++] = listener;
    return why->len == 0;
}

const struct listener *settings_find_listener(const struct settings *settings, struct span name)
{
    for (size_t i = 0; i < settings->listener_count; i++)
        if (span_equal(span_of(settings->listeners[i].name), name))
            return &settings->listeners[i];
    return NULL;
}

bool settings_lets_in(const struct settings *settings, const struct listener *listener, struct span login)
{
    if (settings->login_rules == NULL || listener->observes)
        return true;
    const struct login_rule *rule =
        login_rules_find(settings->login_rules, span_of(listener->name), login,
                         login_is_local_enough(listener->backend->username, login));
    if (rule == NULL || (rule->way_count == 0 && !rule->is_refusing))
        return true; /* the listener's own ways */
    return ways_find(rule->ways, rule->way_count, FACTOR_CERTIFICATE, 0) != 0;
}

bool settings_logs_in_at(const struct backend *backend)
{
    return backend_has_master(backend) && backend->tls == BACKEND_TLS_NONE;
}

struct login_name_rules settings_login_rules(const struct settings *settings,
                                             const struct backend *backend)
{
    struct login_name_rules rules = settings->login_names;
    rules.master_user = span_of(backend->master_user);
    return rules;
}
