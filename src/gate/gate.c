/*
 * What the parts of a gate share, and what the supervisor tells it; see gate.h. Called from main.c.
 */
#include "gate/gate.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "gate/listener.h"
#include "gate/session.h"
#include "gate/user_rule.h"
#include "role/supervisor_gone.h"

enum {
    GATE_DESCRIPTORS_APART = 128, /* listeners, channels, health checks, files of a reload */
};

uint64_t gate_new_id(struct gate *gate)
{
    return gate->next_id++;
}

void gate_connection_ended(struct gate *gate)
{
    invariant(gate->connections > 0);
    gate->connections--;
    if (gate->is_finishing && gate->connections == 0)
        (void)event_base_loopexit(gate->loop, NULL);
}

/* --- What the supervisor says ---------------------------------------------------------------------- */

typedef void gate_message_fn(struct gate *gate, struct message *message);

static void gate_on_begin(struct gate *gate, struct message *message)
{
    settings_unref(gate->draft);
    gate->draft = settings_new(&message->configure_begin);
}

static void gate_on_limits(struct gate *gate, struct message *message)
{
    settings_add_limits(gate->draft, &message->configure_limits);
}

static void gate_on_certificate(struct gate *gate, struct message *message)
{
    settings_add_certificate(gate->draft, &gate->tls_provider, &message->configure_certificate);
}

static void gate_on_client_ca(struct gate *gate, struct message *message)
{
    settings_add_client_ca(gate->draft, &message->configure_client_ca);
}

/* What is wrong with it is logged; the former table stays. */
static void gate_replace_revocations(struct gate *gate, const struct message_revocations_table *message)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    if (authorities_take_lists(gate->settings->authorities, message->client_ca, message->table, &why)) {
        relays_check_certificates(&gate->relays, gate->settings);
        return;
    }
    struct log_record record;
    log_begin(&record, LOG_ERROR, "crl_not_in_force");
    log_span(&record, "authority", message->client_ca);
    log_span(&record, "reason", strbuf_span(&why));
    log_end(&record);
}

static void gate_on_revocations(struct gate *gate, struct message *message)
{
    if (gate->draft != NULL)
        settings_add_revocations(gate->draft, &message->revocations_table);
    else if (gate->settings != NULL)
        gate_replace_revocations(gate, &message->revocations_table);
}

static void gate_on_tls(struct gate *gate, struct message *message)
{
    settings_add_tls(gate->draft, &message->configure_tls);
}

static void gate_on_backend(struct gate *gate, struct message *message)
{
    settings_add_backend(gate->draft, &message->configure_backend);
}

static void gate_on_listener(struct gate *gate, struct message *message)
{
    settings_add_listener(gate->draft, gate, &message->configure_listener);
}

static void gate_on_group(struct gate *gate, struct message *message)
{
    settings_add_group(gate->draft, &message->configure_group);
}

static void gate_on_login_rule(struct gate *gate, struct message *message)
{
    settings_add_login_rule(gate->draft, &message->configure_login_rule);
}

static void gate_refuse(struct gate *gate)
{
    struct message refused = {.type = MESSAGE_configure_refused};
    refused.configure_refused.generation = gate->draft->generation;
    refused.configure_refused.reason = strbuf_span(&gate->draft->problem);
    (void)channel_send(&gate->supervisor, &refused);
    settings_unref(take(&gate->draft));
}

/* Puts the draft in force: new connections go by it, sessions keep what they began with. */
static void gate_adopt(struct gate *gate)
{
    struct settings *former = gate->settings;
    gate->settings = take(&gate->draft);
    health_stop(&gate->health);
    health_start(&gate->health, gate->loop, &gate->reaper, gate->settings->backends,
                 gate->settings->backend_count);
    for (size_t i = 0; former != NULL && i < former->listener_count; i++)
        listener_close(former->listeners[i]);
    settings_unref(former);
    relays_check_certificates(&gate->relays, gate->settings);
}

static void gate_on_commit(struct gate *gate, struct message *message)
{
    struct settings *draft = gate->draft;
    if (draft->generation != message->configure_commit.generation)
        settings_complain(draft, "the configuration arrived in disorder");
    for (size_t i = 0; i < draft->listener_count && draft->problem.len == 0; i++)
        if (!listener_open(draft->listeners[i], gate))
            settings_complain(draft, "listener %s can't be opened", draft->listeners[i]->name);
    if (draft->problem.len > 0) {
        gate_refuse(gate);
        return;
    }
    struct message configured = {.type = MESSAGE_configured};
    configured.configured.generation = draft->generation;
    gate_adopt(gate);
    (void)channel_send(&gate->supervisor, &configured);
}

static void gate_on_keeper_joined(struct gate *gate, struct message *message)
{
    int fd = take_fd(&message->keeper_joined.channel);
    if (fd >= 0)
        keeper_link_join(gate, fd);
}

static void gate_on_broker_joined(struct gate *gate, struct message *message)
{
    broker_link_join(gate, take_fd(&message->broker_joined.channel),
                     take_fd(&message->broker_joined.signing));
}

/* Nothing of a session before login, or of a mailbox being read, is lost by closing it. */
static void gate_on_finish(struct gate *gate, struct message *message)
{
    struct session *session;
    (void)message;
    gate->is_finishing = true;
    for (size_t i = 0; gate->settings != NULL && i < gate->settings->listener_count; i++)
        listener_close(gate->settings->listeners[i]);
    while ((session = TAILQ_FIRST(&gate->sessions)) != NULL)
        session_end(session, "stopping");
    relays_end_all(&gate->relays);
    if (gate->connections == 0)
        (void)event_base_loopexit(gate->loop, NULL);
}

static void gate_on_drain(struct gate *gate, struct message *message)
{
    drain_begin(gate, message->drain.within_ms);
}

static void gate_on_end_certified(struct gate *gate, struct message *message)
{
    drain_end_certified(gate, message->end_certified.within_ms);
}

/* What needs a draft is not taken without one. */
static const struct {
    gate_message_fn *handle;
    bool needs_draft;
} gate_messages[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_configure_begin] = {gate_on_begin, false},
    [MESSAGE_configure_limits] = {gate_on_limits, true},
    [MESSAGE_configure_certificate] = {gate_on_certificate, true},
    [MESSAGE_configure_client_ca] = {gate_on_client_ca, true},
    [MESSAGE_revocations_table] = {gate_on_revocations, false},
    [MESSAGE_configure_tls] = {gate_on_tls, true},
    [MESSAGE_configure_backend] = {gate_on_backend, true},
    [MESSAGE_configure_listener] = {gate_on_listener, true},
    [MESSAGE_configure_group] = {gate_on_group, true},
    [MESSAGE_configure_login_rule] = {gate_on_login_rule, true},
    [MESSAGE_configure_commit] = {gate_on_commit, true},
    [MESSAGE_keeper_joined] = {gate_on_keeper_joined, false},
    [MESSAGE_broker_joined] = {gate_on_broker_joined, false},
    [MESSAGE_finish] = {gate_on_finish, false},
    [MESSAGE_drain] = {gate_on_drain, false},
    [MESSAGE_end_certified] = {gate_on_end_certified, false},
};

static void gate_on_message(struct channel *channel, struct message *message, void *owner)
{
    struct gate *gate = owner;
    gate_message_fn *handle = gate_messages[message->type].handle;
    (void)channel;
    if (handle != NULL && (gate->draft != NULL || !gate_messages[message->type].needs_draft))
        handle(gate, message);
}

static void gate_on_supervisor_gone(struct channel *channel, enum channel_end end, void *owner)
{
    struct gate *gate = owner;
    (void)channel;
    role_supervisor_gone(gate->loop, end);
}

/* --- What happens again and again ------------------------------------------------------------------- */

static bool gate_tell_journal(void *owner, const struct message_journal_add *add)
{
    return keeper_link_note(owner, add);
}

static void gate_on_tally_time(evutil_socket_t fd, short what, void *argument)
{
    struct gate *gate = argument;
    (void)fd;
    (void)what;
    tally_sweep(&gate->tally, clock_monotonic_ms(), false);
}

static void gate_begin_tally(struct gate *gate)
{
    const struct timeval every = {.tv_sec = TALLY_SWEEP_S};
    invariant(tally_init(&gate->tally, gate_tell_journal, gate) == 0);
    invariant(event_assign(&gate->tally_timer, gate->loop, -1, EV_PERSIST, gate_on_tally_time, gate) == 0);
    invariant(event_add(&gate->tally_timer, &every) == 0);
}

/* The last words: told after the last connection's end, while the keeper still listens. */
static void gate_end_tally(struct gate *gate)
{
    tally_sweep(&gate->tally, clock_monotonic_ms(), true);
    (void)event_del(&gate->tally_timer);
}

/* --- Life ------------------------------------------------------------------------------------------------- */

/* How many connections the descriptors suffice for: each needs one for itself and one behind it. */
static uint32_t gate_connections_by_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= 2 * GATE_DESCRIPTORS_APART)
        return GATE_DESCRIPTORS_APART / 2;
    rlim_t pairs = (limit.rlim_cur - GATE_DESCRIPTORS_APART) / 2;
    return pairs > UINT32_MAX ? UINT32_MAX : (uint32_t)pairs;
}

void gate_init(struct gate *gate, struct event_base *loop, int number, int fd)
{
    *gate = (struct gate){.loop = loop, .number = number};
    gate->connections_max = gate_connections_by_descriptors();
    /* Unique over gates and restarts: our number, when we began, and a count. */
    gate->next_id = (uint64_t)(number + 1) << 56 | ((uint64_t)clock_wall_s() & 0xffffffU) << 32;
    size_t places = gate->connections_max + (size_t)CENSUS_QUIET_MAX;
    invariant(hash_table_init(&gate->registry) == 0);
    invariant(hash_key_draw(&gate->login_key) == 0);
    invariant(census_init(&gate->addresses, places) == 0);
    invariant(census_init(&gate->prefixes, places) == 0);
    TAILQ_INIT(&gate->strangers);
    TAILQ_INIT(&gate->sessions);
    reaper_init(&gate->reaper, loop);
    gate_begin_tally(gate);
    relays_init(&gate->relays, gate);
    drain_init(&gate->drain, gate);
    keeper_link_init(&gate->keeper);
    broker_link_init(&gate->broker);
    invariant(tls_provider_init(&gate->tls_provider, &gate->broker.signer));
    invariant(channel_init(&gate->supervisor, loop, fd, ROLE_GATE, ROLE_SUPERVISOR, gate_on_message,
                           gate_on_supervisor_gone, gate) == 0);
}

void gate_fini(struct gate *gate)
{
    struct session *session;
    while ((session = TAILQ_FIRST(&gate->sessions)) != NULL)
        session_end(session, "stopping");
    drain_fini(&gate->drain);
    relays_fini(&gate->relays);
    health_stop(&gate->health);
    reaper_fini(&gate->reaper);
    gate_end_tally(gate);
    keeper_link_fini(&gate->keeper);
    broker_link_fini(&gate->broker);
    ticket_keys_forget(&gate->ticket_keys);
    channel_fini(&gate->supervisor);
    settings_unref(gate->draft);
    settings_unref(gate->settings);
    tls_provider_fini(&gate->tls_provider);
    tally_fini(&gate->tally);
    census_fini(&gate->addresses);
    census_fini(&gate->prefixes);
    hash_table_fini(&gate->registry);
}
