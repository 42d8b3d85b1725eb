/*
 * What the broker is started with and told: certificates with their keys, and what logins by certificate
 * need: authorities, login rules, backends with their master passwords, the listeners' ways in.
 */
#include "supervisor/role_kind.h"

static const struct account *broker_account(const struct places *places)
{
    return &places->broker;
}

static const char *broker_root(const struct places *places)
{
    return places->drops_privilege ? places->empty_root : NULL;
}

static bool broker_send_part(struct channel *channel, const struct setup *setup, int number,
                             int control)
{
    (void)number;
    (void)control;
    bool is_sent = role_send_certificates(channel, setup, true) && role_send_client_cas(channel, setup) &&
                   role_send_login_rules(channel, setup) && role_send_backends(channel, setup, true);
    for (size_t i = 0; is_sent && i < setup->doors.count; i++)
        is_sent = role_send_door(channel, &setup->doors.at[i], setup->config, -1);
    return is_sent;
}

const struct role_kind role_kind_broker = {
    .role = ROLE_BROKER,
    .executable = "broker",
    .account = broker_account,
    .root = broker_root,
    .send_part = broker_send_part,
};
