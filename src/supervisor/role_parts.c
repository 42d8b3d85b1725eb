/* What gates and the broker are told alike: backends and listeners. Called from role_*.c. */
#include "supervisor/role_kind.h"

static bool send_backend(struct channel *channel, const struct config_backend *backend,
                         const struct snapshots *files, bool with_password)
{
    auto_strbuf struct strbuf addresses = STRBUF(ROLE_LIST_MAX);
    role_join(&backend->addresses, &addresses);
    struct message message = {
        .type = MESSAGE_configure_backend,
        .configure_backend = {.name = span_of(backend->name),
                              .addresses = strbuf_span(&addresses),
                              .protocol = (uint8_t)backend->protocol,
                              .tls = (uint8_t)backend->tls,
                              .identify = (uint8_t)backend->identify,
                              .username = (uint8_t)backend->username,
                              .tls_name = span_of(backend->tls_name),
                              .master_user = span_of(backend->master_user),
                              .master_separator = span_of(backend->master_separator),
                              .connect_ms = backend->connect_ms,
                              .reply_ms = backend->reply_ms,
                              .health_interval_ms = backend->health_interval_ms,
                              .master_password =
                                  with_password
                                      ? snapshots_find(files, backend->master_password_file)
                                      : -1,
                              .ca = snapshots_find(files, backend_ca_file(backend))}};
    return !strbuf_failed(&addresses) && channel_send(channel, &message);
}

bool role_send_backends(struct channel *channel, const struct setup *setup, bool with_passwords)
{
    const struct config *config = setup->config;
    bool is_sent = true;
    for (size_t i = 0; is_sent && i < config->backend_count; i++)
        is_sent = send_backend(channel, &config->backends[i], &setup->files, with_passwords);
    return is_sent;
}

static void print_logins(const struct config_listener *listener, struct strbuf *lines)
{
    for (size_t i = 0; i < listener->login_count; i++) {
        strbuf_append(lines, i > 0 ? "\n" : "");
        factors_print(listener->logins[i], lines);
    }
}

static void print_prefixes(const struct ip_prefix *prefixes, size_t count, struct strbuf *lines)
{
    for (size_t i = 0; i < count; i++) {
        const struct ip_prefix *prefix = &prefixes[i];
        unsigned hidden = ip_is_v4(&prefix->ip) && prefix->bits >= IP_V4_OFFSET ? IP_V4_OFFSET : 0;
        char text[IP_TEXT_SIZE];
        ip_format(&prefix->ip, text);
        strbuf_format(lines, "%s%s/%u", i > 0 ? "\n" : "", text, prefix->bits - hidden);
    }
}

bool role_send_door(struct channel *channel, const struct door *door, const struct config *config,
                    int socket)
{
    const struct config_listener *listener = door->listener;
    auto_strbuf struct strbuf logins = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf prefixes = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf trusted = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf checks = STRBUF(ROLE_LIST_MAX);
    print_logins(listener, &logins);
    print_prefixes(listener->proxy_protocol, listener->proxy_protocol_count, &prefixes);
    print_prefixes(listener->trusted_clients, listener->trusted_clients_count, &trusted);
    print_prefixes(listener->health_checks, listener->health_checks_count, &checks);
    struct message message = {
        .type = MESSAGE_configure_listener,
        .configure_listener = {.name = span_of(listener->name),
                               .address = span_of(door->address),
                               .protocol = (uint8_t)listener->protocol,
                               .tls = (uint8_t)listener->tls,
                               .backend = span_of(config->backends[listener->backend].name),
                               .login = strbuf_span(&logins),
                               .proxy_protocol = strbuf_span(&prefixes),
                               .preauth = listener->preauth,
                               .after_enrolment = (uint8_t)listener->after_enrolment,
                               .mode = (uint8_t)listener->mode,
                               .trusted_clients = strbuf_span(&trusted),
                               .health_checks = strbuf_span(&checks),
                               .socket = socket}};
    return !strbuf_failed(&logins) && !strbuf_failed(&prefixes) && !strbuf_failed(&trusted) &&
           !strbuf_failed(&checks) && channel_send(channel, &message);
}
