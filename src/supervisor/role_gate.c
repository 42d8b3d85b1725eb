/*
 * What a gate is started with and told: certificates, backends, and its sockets of each listener.
 */
#include "base/invariant.h"
#include "supervisor/role_kind.h"

static const struct account *gate_account(const struct places *places)
{
    return &places->gate;
}

/*
 * An ordinary user can't give a process another root; Landlock and seccomp bar files all the same.
 */
static const char *gate_root(const struct places *places)
{
    return places->drops_privilege ? places->empty_root : NULL;
}

static bool gate_send_tls(struct channel *channel, const struct setup *setup)
{
    const struct config_tls *tls = &setup->config->tls;
    bool is_sent = role_send_certificates(channel, setup, false) && role_send_client_cas(channel, setup);
    struct message message = {
        .type = MESSAGE_configure_tls,
        .configure_tls = {.minimum_version = tls->minimum_version}};
    return is_sent && channel_send(channel, &message);
}

static bool gate_send_part(struct channel *channel, const struct setup *setup, int number,
                           int control)
{
    (void)control;
    const struct config *config = setup->config;
    invariant(number >= 0 && (unsigned)number < setup->doors.gates);
    bool is_sent = gate_send_tls(channel, setup) && role_send_login_rules(channel, setup) &&
                   role_send_backends(channel, setup, false);
    for (size_t i = 0; is_sent && i < setup->doors.count; i++)
        is_sent = role_send_door(channel, &setup->doors.at[i], config,
                                 setup->doors.at[i].sockets[number]);
    return is_sent;
}

const struct role_kind role_kind_gate = {
    .role = ROLE_GATE,
    .executable = "gate",
    .account = gate_account,
    .root = gate_root,
    .send_part = gate_send_part,
};
