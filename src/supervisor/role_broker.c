/* What the broker is started with and told: certificates with their keys. */
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
    return role_send_certificates(channel, setup, true);
}

const struct role_kind role_kind_broker = {
    .role = ROLE_BROKER,
    .executable = "broker",
    .account = broker_account,
    .root = broker_root,
    .send_part = broker_send_part,
};
