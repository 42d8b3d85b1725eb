/* What every role is told of a setup; the files role_*.c have the rest. */
#include "supervisor/role_kind.h"

enum { FILE_NAMES_MAX = 512 /* as the schema has it */ };

void role_join(const struct config_strings *strings, struct strbuf *lines)
{
    for (size_t i = 0; i < strings->count; i++)
        strbuf_format(lines, "%s%s", i > 0 ? "\n" : "", strings->at[i]);
}

static bool role_send_begin(struct channel *channel, const struct config *config,
                            uint64_t generation)
{
    auto_strbuf struct strbuf domains = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf netbios_domains = STRBUF(ROLE_LIST_MAX);
    role_join(&config->domains, &domains);
    role_join(&config->login.netbios_domains, &netbios_domains);
    struct message message = {
        .type = MESSAGE_configure_begin,
        .configure_begin = {.generation = generation,
                            .hostname = span_of(config->hostname),
                            .language = span_of(config->language),
                            .domains = strbuf_span(&domains),
                            .default_domain = span_of(config->login.default_domain),
                            .netbios_domains = strbuf_span(&netbios_domains)}};
    return !strbuf_failed(&domains) && !strbuf_failed(&netbios_domains) &&
           channel_send(channel, &message);
}

static bool role_send_limits(struct channel *channel, const struct config_limits *limits)
{
    struct message message = {
        .type = MESSAGE_configure_limits,
        .configure_limits = {.connections = limits->connections,
                             .connections_per_address = limits->connections_per_address,
                             .connections_per_prefix = limits->connections_per_prefix,
                             .handshakes_per_prefix_per_s = limits->handshakes_per_prefix_per_s,
                             .sessions_per_user = limits->sessions_per_user,
                             .sessions_per_user_and_address = limits->sessions_per_user_and_address,
                             .prefix_v4_bits = limits->prefix_v4_bits,
                             .prefix_v6_bits = limits->prefix_v6_bits,
                             .handshake_ms = limits->handshake_ms,
                             .login_ms = limits->login_ms,
                             .idle_ms = limits->idle_ms,
                             .failure_delay_ms = limits->failure_delay_ms,
                             .commands_before_login = limits->commands_before_login,
                             .failures_per_connection = limits->failures_per_connection}};
    return channel_send(channel, &message);
}

/* Both names, for the role to say in errors; the message's other fields are descriptors. */
static bool role_send_certificate(struct channel *channel, const struct snapshots *files,
                                  const char *certificate, const char *key, bool with_key)
{
    auto_strbuf struct strbuf names = STRBUF(ROLE_LIST_MAX);
    strbuf_format(&names, "%s (key %s)", certificate, key);
    struct message message = {
        .type = MESSAGE_configure_certificate,
        .configure_certificate = {.file = span_first(strbuf_span(&names), FILE_NAMES_MAX),
                                  .certificate = snapshots_find(files, certificate),
                                  .key = with_key ? snapshots_find(files, key) : -1}};
    return channel_send(channel, &message);
}

bool role_send_certificates(struct channel *channel, const struct setup *setup, bool with_keys)
{
    const struct config_tls *tls = &setup->config->tls;
    bool is_sent = true;
    for (size_t i = 0; is_sent && i < tls->certificates.count; i++)
        is_sent = role_send_certificate(channel, &setup->files, tls->certificates.at[i],
                                        tls->keys.at[i], with_keys);
    return is_sent;
}

bool role_send_table(struct channel *channel, const struct setup *setup, size_t client_ca)
{
    struct message message = {
        .type = MESSAGE_revocations_table,
        .revocations_table = {.client_ca = span_of(setup->config->client_cas[client_ca].name),
                              .table = setup->tables[client_ca]}};
    return message.revocations_table.table < 0 || channel_send(channel, &message);
}

static bool role_send_client_ca(struct channel *channel, const struct setup *setup,
                                const struct config_client_ca *client_ca)
{
    auto_strbuf struct strbuf policies = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf domains = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf users = STRBUF(ROLE_LIST_MAX);
    const struct snapshots *files = &setup->files;
    role_join(&client_ca->policies, &policies);
    role_join(config_client_ca_domains(setup->config, client_ca), &domains);
    role_join(&client_ca->users, &users);
    struct message message = {
        .type = MESSAGE_configure_client_ca,
        .configure_client_ca = {.name = span_of(client_ca->name),
                                .policies = strbuf_span(&policies),
                                .domains = strbuf_span(&domains),
                                .users = strbuf_span(&users),
                                .map = span_of(term_name(client_ca_map_terms, client_ca->map)),
                                .pattern = span_of(client_ca->pattern),
                                .login = span_of(client_ca->login),
                                .map_file_name = span_of(client_ca->map_file),
                                .needs_lists = client_ca->crls.count > 0,
                                .overdue_grace_s = client_ca->crl_grace_ms / 1000,
                                .certificate = snapshots_find(files, client_ca->certificate),
                                .map_file = snapshots_find(files, client_ca->map_file)}};
    bool is_sent = !strbuf_failed(&policies) && !strbuf_failed(&domains) && !strbuf_failed(&users) &&
                   channel_send(channel, &message);
    return is_sent;
}

bool role_send_client_cas(struct channel *channel, const struct setup *setup)
{
    const struct config *config = setup->config;
    bool is_sent = true;
    for (size_t i = 0; is_sent && i < config->client_ca_count; i++)
        is_sent = role_send_client_ca(channel, setup, &config->client_cas[i]) && role_send_table(channel, setup, i);
    return is_sent;
}

bool role_send_setup(const struct role_kind *kind, struct channel *channel,
                     const struct setup *setup, uint64_t generation, int number, int control)
{
    struct message commit = {.type = MESSAGE_configure_commit,
                             .configure_commit = {.generation = generation}};
    return role_send_begin(channel, setup->config, generation) &&
           role_send_limits(channel, &setup->config->limits) &&
           kind->send_part(channel, setup, number, control) && channel_send(channel, &commit);
}
