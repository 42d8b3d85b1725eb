/* What the supervisor tells the broker; see broker.h. Called from main.c. */
#include "broker/broker.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "role/supervisor_gone.h"

/* --- Configuration -------------------------------------------------------------------------------- */

static void broker_complain(struct broker *broker, const char *sentence)
{
    if (broker->problem.len == 0)
        strbuf_append(&broker->problem, sentence);
}

static void broker_on_begin(struct broker *broker, struct message *message)
{
    strbuf_reset(&broker->problem);
    keys_fini(&broker->pending);
    settings_unref(broker->pending_settings);
    list_expiry_begin(&broker->list_expiry);
    broker->pending_settings = settings_new(&message->configure_begin);
    broker->draft = broker->pending_settings == NULL ? 0 : message->configure_begin.generation;
}

static void broker_on_limits(struct broker *broker, struct message *message)
{
    broker->pending_settings->login_ms = message->configure_limits.login_ms;
}

static void broker_on_client_ca(struct broker *broker, struct message *message)
{
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    if (!settings_add_client_ca(broker->pending_settings, &message->configure_client_ca, &why))
        broker_complain(broker, strbuf_text(&why));
}

/* In force at once; what is wrong with it, gates say too, who have the same. */
static void broker_replace_revocations(struct broker *broker, const struct message_revocations_table *message)
{
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    if (!authorities_take_lists(broker->settings->authorities, message->client_ca, message->table, &why))
        log_sentence(LOG_ERROR, "crl_not_in_force", "%s", strbuf_text(&why));
}

static void broker_on_revocations(struct broker *broker, struct message *message)
{
    const struct message_revocations_table *table = &message->revocations_table;
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    list_expiry_take(&broker->list_expiry, table);
    if (broker->draft == 0 && broker->settings != NULL)
        broker_replace_revocations(broker, table);
    else if (broker->draft != 0 && !authorities_take_lists(broker->pending_settings->authorities,
                                                           table->client_ca, table->table, &why))
        broker_complain(broker, strbuf_text(&why));
}

static void broker_on_group(struct broker *broker, struct message *message)
{
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    if (!settings_add_group(broker->pending_settings, &message->configure_group, &why))
        broker_complain(broker, strbuf_text(&why));
}

static void broker_on_login_rule(struct broker *broker, struct message *message)
{
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    if (!settings_add_login_rule(broker->pending_settings, &message->configure_login_rule, &why))
        broker_complain(broker, strbuf_text(&why));
}

static void broker_on_backend(struct broker *broker, struct message *message)
{
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    if (!settings_add_backend(broker->pending_settings, &message->configure_backend, &why))
        broker_complain(broker, strbuf_text(&why));
}

static void broker_on_listener(struct broker *broker, struct message *message)
{
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    if (!settings_add_listener(broker->pending_settings, &message->configure_listener, &why))
        broker_complain(broker, strbuf_text(&why));
}

static void broker_on_certificate(struct broker *broker, struct message *message)
{
    struct message_configure_certificate *certificate = &message->configure_certificate;
    auto_strbuf struct strbuf why = STRBUF(BROKER_PROBLEM_MAX);
    auto_strbuf struct strbuf sentence = STRBUF(BROKER_PROBLEM_MAX);
    if (keys_add(&broker->pending, certificate->certificate, certificate->key, &why))
        return;
    strbuf_append_span(&sentence, certificate->file);
    strbuf_format(&sentence, ": %s", strbuf_text(&why));
    broker_complain(broker, strbuf_text(&sentence));
}

/* Those that it connects to are looked after; of the others it only knows the names. */
static void broker_start_health(struct broker *broker)
{
    struct backend *backends[SETTINGS_BACKENDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < broker->settings->backend_count; i++)
        if (settings_logs_in_at(broker->settings->backends[i]))
            backends[count++] = broker->settings->backends[i];
    health_start(&broker->health, broker->loop, &broker->reaper, backends, count);
}

/* Gates that have not changed over still sign with the keys in force until now. */
static void broker_adopt(struct broker *broker)
{
    keys_fini(&broker->former);
    broker->former = broker->keys;
    broker->keys = broker->pending;
    broker->pending = (struct keys){.count = 0};
    health_stop(&broker->health);
    settings_unref(broker->settings);
    broker->settings = take(&broker->pending_settings);
    broker_start_health(broker);
    list_expiry_commit(&broker->list_expiry);
}

static void broker_answer(struct broker *broker, uint64_t generation)
{
    struct message answer = {.type = MESSAGE_configured, .configured = {.generation = generation}};
    if (broker->problem.len > 0)
        answer = (struct message){.type = MESSAGE_configure_refused,
                                  .configure_refused = {.generation = generation,
                                                        .reason = strbuf_span(&broker->problem)}};
    (void)channel_send(&broker->supervisor, &answer);
}

static void broker_on_commit(struct broker *broker, struct message *message)
{
    uint64_t generation = message->configure_commit.generation;
    if (broker->draft != generation)
        broker_complain(broker, "the configuration arrived in disorder");
    if (broker->problem.len == 0)
        broker_adopt(broker);
    keys_fini(&broker->pending);
    settings_unref(take(&broker->pending_settings));
    broker_answer(broker, generation);
    broker->draft = 0;
}

/* --- Life ----------------------------------------------------------------------------------------- */

static void broker_on_keeper_joined(struct broker *broker, struct message *message)
{
    keeper_link_join(broker, take_fd(&message->keeper_joined.channel));
}

static void broker_on_gate_joined(struct broker *broker, struct message *message)
{
    gate_link_join(broker, message->gate_joined.gate, take_fd(&message->gate_joined.channel),
                   take_fd(&message->gate_joined.signing));
}

/* The gates have ended before: nothing is in flight that somebody waits for. */
static void broker_on_finish(struct broker *broker, struct message *message)
{
    (void)message;
    (void)event_base_loopbreak(broker->loop);
}

typedef void broker_message_fn(struct broker *broker, struct message *message);

/* What needs a draft is not taken without one. */
static const struct {
    broker_message_fn *handle;
    bool needs_draft;
} broker_messages[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_configure_begin] = {broker_on_begin, false},
    [MESSAGE_configure_limits] = {broker_on_limits, true},
    [MESSAGE_configure_certificate] = {broker_on_certificate, true},
    [MESSAGE_configure_client_ca] = {broker_on_client_ca, true},
    [MESSAGE_revocations_table] = {broker_on_revocations, false},
    [MESSAGE_configure_group] = {broker_on_group, true},
    [MESSAGE_configure_login_rule] = {broker_on_login_rule, true},
    [MESSAGE_configure_backend] = {broker_on_backend, true},
    [MESSAGE_configure_listener] = {broker_on_listener, true},
    [MESSAGE_configure_commit] = {broker_on_commit, true},
    [MESSAGE_keeper_joined] = {broker_on_keeper_joined, false},
    [MESSAGE_gate_joined] = {broker_on_gate_joined, false},
    [MESSAGE_finish] = {broker_on_finish, false},
};

static void broker_on_message(struct channel *channel, struct message *message, void *owner)
{
    struct broker *broker = owner;
    broker_message_fn *handle = broker_messages[message->type].handle;
    (void)channel;
    if (handle != NULL && (broker->draft != 0 || !broker_messages[message->type].needs_draft))
        handle(broker, message);
}

static void broker_on_supervisor_gone(struct channel *channel, enum channel_end end, void *owner)
{
    struct broker *broker = owner;
    (void)channel;
    role_supervisor_gone(broker->loop, end);
}

/* All gates have the same keys, so that a ticket of one is good at the others. */
static void broker_send_ticket_keys(void *owner)
{
    struct broker *broker = owner;
    for (size_t i = 0; i < BROKER_GATES_MAX; i++)
        if (broker->gates[i] != NULL)
            gate_link_send_ticket_keys(broker->gates[i]);
}

int broker_init(struct broker *broker, struct event_base *loop, int supervisor_fd)
{
    *broker = (struct broker){.loop = loop, .problem = STRBUF(BROKER_PROBLEM_MAX)};
    keeper_link_init(&broker->keeper);
    TAILQ_INIT(&broker->asked);
    reaper_init(&broker->reaper, loop);
    scram_queue_init(&broker->derivations, loop);
    int result = ticket_keys_init(&broker->ticket_keys, loop, broker_send_ticket_keys, broker);
    if (result == 0)
        result = list_expiry_init(&broker->list_expiry, loop);
    return result < 0 ? result : channel_init(&broker->supervisor, loop, supervisor_fd, ROLE_BROKER, ROLE_SUPERVISOR,
                        broker_on_message, broker_on_supervisor_gone, broker);
}

void broker_fini(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_GATES_MAX; i++)
        gate_link_free(broker->gates[i]);
    keeper_link_fini(&broker->keeper);
    health_stop(&broker->health);
    scram_queue_fini(&broker->derivations);
    reaper_fini(&broker->reaper);
    settings_unref(broker->settings);
    settings_unref(broker->pending_settings);
    ticket_keys_fini(&broker->ticket_keys);
    list_expiry_fini(&broker->list_expiry);
    channel_fini(&broker->supervisor);
    strbuf_fini(&broker->problem);
    keys_fini(&broker->pending);
    keys_fini(&broker->former);
    keys_fini(&broker->keys);
}
