/*
 * Collects the configure_* messages of one generation; see settings.h. Called from gate.c, which puts
 * the finished object in force.
 */
#include "gate/settings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "backend/backend.h"
#include "gate/listener.h"
#include "gate/tls_context.h"
#include "policy/login_rules.h"

void settings_complain(struct settings *settings, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (settings->problem.len > 0)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    strbuf_append(&settings->problem, text);
}

/* A copy of text that lives as long as the settings. "" and a complaint when memory is out. */
static const char *settings_text(struct settings *settings, struct span text)
{
    const char *copy = arena_copy(&settings->arena, text);
    if (copy == NULL)
        settings_complain(settings, "the configuration needs more memory than a gate allows");
    return copy == NULL ? "" : copy;
}

static struct span settings_span(struct settings *settings, struct span text)
{
    return span_of(settings_text(settings, text));
}

struct settings *settings_new(const struct message_configure_begin *begin)
{
    struct settings *settings = calloc(1, sizeof *settings);
    if (settings == NULL)
        return NULL;
    settings->references = 1;
    settings->generation = begin->generation;
    strbuf_init(&settings->problem, 512);
    arena_init(&settings->arena, SETTINGS_ARENA_MAX);
    settings->hostname = settings_text(settings, begin->hostname);
    settings->login_names.default_domain = settings_span(settings, begin->default_domain);
    settings->login_names.netbios_domains = settings_span(settings, begin->netbios_domains);
    return settings;
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
    for (size_t i = 0; i < settings->listener_count; i++)
        listener_close(settings->listeners[i]);
    for (size_t i = 0; i < settings->backend_count; i++)
        backend_fini(settings->backends[i]);
    for (size_t i = 0; i < settings->context_count; i++)
        SSL_CTX_free(settings->contexts[i]);
    authorities_free(settings->authorities);
    login_rules_free(settings->login_rules);
    arena_fini(&settings->arena);
    strbuf_fini(&settings->problem);
    free(settings);
}

void settings_add_limits(struct settings *settings, const struct message_configure_limits *limits)
{
    settings->limits = *limits;
}

void settings_add_certificate(struct settings *settings, const struct tls_provider *provider,
                              struct message_configure_certificate *message)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    const char *file = settings_text(settings, message->file);
    if (settings->context_count == SETTINGS_CERTIFICATES_MAX) {
        settings_complain(settings, "%s: more than %d certificates", file, SETTINGS_CERTIFICATES_MAX);
        return;
    }
    SSL_CTX *context = tls_context_new_server(message->certificate, provider, &why);
    if (context == NULL)
        settings_complain(settings, "%s: %s", file, strbuf_text(&why));
    else
        settings->contexts[settings->context_count++] = context;
}

void settings_add_client_ca(struct settings *settings, struct message_configure_client_ca *message)
{
    auto_strbuf struct strbuf why = STRBUF(1024);
    struct client_ca_request request = CLIENT_CA_REQUEST(message);
    if (settings->authorities == NULL)
        settings->authorities = authorities_new();
    if (settings->authorities == NULL)
        settings_complain(settings, "out of memory");
    else if (!authorities_add(settings->authorities, &request, &why))
        settings_complain(settings, "%s", strbuf_text(&why));
}

void settings_add_revocations(struct settings *settings, const struct message_revocations_table *message)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    if (!authorities_take_lists(settings->authorities, message->client_ca, message->table, &why))
        settings_complain(settings, "%s", strbuf_text(&why));
}

void settings_add_tls(struct settings *settings, struct message_configure_tls *message)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    if (settings->context_count == 0)
        settings_complain(settings, "no certificate; set certificate and key in section tls");
    if (!tls_context_finish_servers(settings, message, &why))
        settings_complain(settings, "%s", strbuf_text(&why));
}

void settings_add_backend(struct settings *settings, struct message_configure_backend *message)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    struct backend *backend = arena_alloc(&settings->arena, 1, sizeof *backend);
    if (backend == NULL || settings->backend_count == SETTINGS_BACKENDS_MAX) {
        settings_complain(settings, "more backends than a gate takes");
        return;
    }
    settings->backends[settings->backend_count++] = backend;
    if (!backend_configure(backend, message, &settings->arena, &why))
        settings_complain(settings, "%s", strbuf_text(&why));
    if (settings->login_names.master_separator.len == 0)
        settings->login_names.master_separator = settings_span(settings, message->master_separator);
}

struct login_name_rules settings_login_rules(const struct settings *settings,
                                             const struct backend *backend)
{
    struct login_name_rules rules = settings->login_names;
    rules.master_user = span_of(backend->master_user);
    return rules;
}

static struct backend *settings_find_backend(struct settings *settings, struct span name)
{
    for (size_t i = 0; i < settings->backend_count; i++)
        if (span_equal(span_of(settings->backends[i]->name), name))
            return settings->backends[i];
    settings_complain(settings, "a listener names a backend that is not there");
    return NULL;
}

/* Reads the alternatives of a login rule, one a line. */
static void settings_take_logins(struct settings *settings, struct listener *listener,
                                 struct span lines)
{
    while (lines.at != NULL && lines.len > 0) {
        struct span line = span_cut(&lines, '\n');
        if (listener->login_count == SETTINGS_LOGINS_MAX ||
            !factors_parse(line, &listener->logins[listener->login_count])) {
            settings_complain(settings, "listener %s: a login rule can't be read", listener->name);
            return;
        }
        listener->login_count++;
    }
}

/* Reads prefixes, one a line. setting: for the complaint. */
static struct ip_prefix *settings_take_prefixes(struct settings *settings, const char *listener,
                                                const char *setting, struct span lines,
                                                size_t *ret_count)
{
    size_t most = 0;
    for (size_t i = 0; i < lines.len; i++)
        most += lines.at[i] == '\n';
    struct ip_prefix *prefixes = arena_alloc(&settings->arena, most + 1, sizeof *prefixes);
    *ret_count = 0;
    if (prefixes == NULL)
        settings_complain(settings, "listener %s: too many entries in %s", listener, setting);
    while (prefixes != NULL && lines.at != NULL && lines.len > 0) {
        if (ip_prefix_parse(span_cut(&lines, '\n'), &prefixes[*ret_count]))
            (*ret_count)++;
        else
            settings_complain(settings, "listener %s: an entry of %s can't be read", listener, setting);
    }
    return prefixes;
}

void settings_add_listener(struct settings *settings, struct gate *gate,
                           struct message_configure_listener *message)
{
    struct listener *listener = arena_alloc(&settings->arena, 1, sizeof *listener);
    if (listener == NULL || settings->listener_count == SETTINGS_LISTENERS_MAX) {
        settings_complain(settings, "more listeners than a gate takes");
        return;
    }
    listener->gate = gate;
    listener->settings = settings;
    listener->socket = -1;
    listener->name = settings_text(settings, message->name);
    listener->address = settings_text(settings, message->address);
    listener->protocol = (enum config_protocol)message->protocol;
    listener->tls = (enum config_listener_tls)message->tls;
    listener->preauth = message->preauth != 0;
    listener->after_enrolment = (enum config_enrolment)message->after_enrolment;
    listener->backend = settings_find_backend(settings, message->backend);
    settings_take_logins(settings, listener, message->login);
    listener->is_observed = message->mode == LISTENER_OBSERVE;
    listener->proxy_sources =
        settings_take_prefixes(settings, listener->name, "proxy_protocol", message->proxy_protocol,
                               &listener->proxy_source_count);
    listener->trusted_clients =
        settings_take_prefixes(settings, listener->name, "trusted_clients", message->trusted_clients,
                               &listener->trusted_client_count);
    listener->health_checks =
        settings_take_prefixes(settings, listener->name, "health_checks", message->health_checks,
                               &listener->health_check_count);
    listener->socket = take_fd(&message->socket);
    settings->listeners[settings->listener_count++] = listener;
}
