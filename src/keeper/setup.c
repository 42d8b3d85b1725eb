/* Configuration and gates from the supervisor; see setup.h. */
#include "keeper/setup.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "keeper/broker_link.h"
#include "keeper/keeper.h"
#include "role/supervisor_gone.h"

static void configuration_init(struct setup_configuration *configuration)
{
    *configuration = (struct setup_configuration){.control_fd = -1,
                                                  .state = STRBUF(SETUP_STATE_MAX),
                                                  .default_domain = STRBUF(SETUP_NAMES_MAX),
                                                  .hostname = STRBUF(SETUP_NAMES_MAX),
                                                  .netbios_domains = STRBUF(SETUP_NAMES_MAX)};
}

static void configuration_fini(struct setup_configuration *configuration)
{
    strbuf_fini(&configuration->state);
    strbuf_fini(&configuration->default_domain);
    strbuf_fini(&configuration->netbios_domains);
    strbuf_fini(&configuration->hostname);
    cleanup_close(&configuration->control_fd);
    configuration_init(configuration);
}

void setup_init(struct setup *setup)
{
    configuration_init(&setup->current);
    configuration_init(&setup->pending);
}

void setup_fini(struct setup *setup)
{
    configuration_fini(&setup->current);
    configuration_fini(&setup->pending);
}

/* --- What is told ----------------------------------------------------------------------------- */

static void on_begin(struct keeper *keeper, struct message *message)
{
    struct setup_configuration *pending = &keeper->setup.pending;
    configuration_fini(pending);
    pending->generation = message->configure_begin.generation;
    strbuf_append_span(&pending->default_domain, message->configure_begin.default_domain);
    strbuf_append_span(&pending->netbios_domains, message->configure_begin.netbios_domains);
    strbuf_append_span(&pending->hostname, message->configure_begin.hostname);
}

static void on_limits(struct keeper *keeper, struct message *message)
{
    struct setup_configuration *pending = &keeper->setup.pending;
    pending->sessions_per_user = message->configure_limits.sessions_per_user;
    pending->sessions_per_user_and_address = message->configure_limits.sessions_per_user_and_address;
}

/* One uid a line. */
static void configuration_read_operators(struct setup_configuration *configuration, struct span lines)
{
    configuration->operator_count = 0;
    configuration->has_bad_operators = false;
    while (lines.len > 0) {
        uint64_t uid;
        if (!span_to_u64(span_cut(&lines, '\n'), (uid_t)-2, &uid) ||
            configuration->operator_count == SETUP_OPERATORS_MAX) {
            configuration->has_bad_operators = true;
            return;
        }
        configuration->operators[configuration->operator_count++] = (uid_t)uid;
    }
}

static void on_keeper(struct keeper *keeper, struct message *message)
{
    struct setup_configuration *pending = &keeper->setup.pending;
    strbuf_reset(&pending->state);
    strbuf_append_span(&pending->state, message->configure_keeper.state);
    configuration_read_operators(pending, message->configure_keeper.operators);
    pending->journal_age_s = message->configure_keeper.journal_age_s;
    pending->journal_rows = message->configure_keeper.journal_rows;
    cleanup_close(&pending->control_fd);
    pending->control_fd = take_fd(&message->configure_keeper.control);
}

/* --- What takes effect ------------------------------------------------------------------------ */

/* A sentence where the pending configuration is not whole; NULL when it is. */
static const char *configuration_fault(const struct setup *setup, uint64_t generation)
{
    const struct setup_configuration *pending = &setup->pending;
    if (pending->generation != generation || generation == 0)
        return "the configuration that was to take effect is not the one that was told";
    if (pending->sessions_per_user == 0 || pending->sessions_per_user_and_address == 0)
        return "no limits of sessions were told";
    if (pending->state.len == 0 || strbuf_failed(&pending->state) ||
        span_has(strbuf_span(&pending->state), '\0'))
        return "no state database was named";
    if (pending->journal_age_s == 0 || pending->journal_rows == 0)
        return "no bounds of the journal were told";
    if (pending->has_bad_operators)
        return "the list of operators does not hold at most 128 user numbers";
    if (setup->current.generation != 0 &&
        !span_equal(strbuf_span(&pending->state), strbuf_span(&setup->current.state)))
        return "another state database takes a restart";
    return NULL;
}

static void log_opened(const struct keeper *keeper)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "state_opened");
    log_span(&record, "file", strbuf_span(&keeper->setup.pending.state));
    log_number(&record, "devices", (int64_t)keeper->devices.count);
    log_number(&record, "accounts", (int64_t)keeper->accounts.count);
    log_end(&record);
}

/* Devices first, which own the store; every owner of one is an account. */
static bool setup_read_state(struct keeper *keeper, struct strbuf *ret_reason)
{
    struct devices *devices = &keeper->devices;
    if (!devices_open(devices, strbuf_text(&keeper->setup.pending.state), ret_reason))
        return false;
    if (!accounts_open(&keeper->accounts, devices->store, clock_wall_s(), ret_reason)) {
        devices_close(devices);
        return false;
    }
    for (size_t i = 0; i < devices->count; i++)
        (void)accounts_ensure(&keeper->accounts, device_login(devices->all[i]));
    return true;
}

static bool setup_open_state(struct keeper *keeper, struct strbuf *ret_reason)
{
    if (keeper->is_configured)
        return true;
    if (!setup_read_state(keeper, ret_reason))
        return false;
    log_opened(keeper);
    return true;
}

static bool setup_open_control(struct keeper *keeper, struct strbuf *ret_reason)
{
    if (keeper->setup.pending.control_fd < 0)
        return true;
    int result = control_listen(&keeper->control, take_fd(&keeper->setup.pending.control_fd));
    if (result < 0)
        strbuf_format(ret_reason, "the control socket can't be listened on: %s", strerror(-result));
    return result == 0;
}

/* The pending configuration becomes the current one. */
static void setup_take_effect(struct keeper *keeper)
{
    struct setup *setup = &keeper->setup;
    configuration_fini(&setup->current);
    setup->current = setup->pending;
    configuration_init(&setup->pending);
    keeper->journal.age_s = setup->current.journal_age_s;
    keeper->journal.rows_max = setup->current.journal_rows;
    sessions_set_caps(&keeper->sessions, setup->current.sessions_per_user,
                      setup->current.sessions_per_user_and_address);
    keeper->is_configured = true;
    keeper_upkeep(keeper);
}

static void on_commit(struct keeper *keeper, struct message *message)
{
    uint64_t generation = message->configure_commit.generation;
    auto_strbuf struct strbuf reason = STRBUF(1024);
    const char *fault = configuration_fault(&keeper->setup, generation);
    if (fault != NULL)
        strbuf_append(&reason, fault);
    struct message answer;
    if (fault == NULL && setup_open_state(keeper, &reason) && setup_open_control(keeper, &reason)) {
        setup_take_effect(keeper);
        answer = (struct message){.type = MESSAGE_configured, .configured = {generation}};
    } else {
        configuration_fini(&keeper->setup.pending);
        answer = (struct message){
            .type = MESSAGE_configure_refused,
            .configure_refused = {.generation = generation, .reason = strbuf_span(&reason)}};
    }
    (void)channel_send(&keeper->supervisor, &answer);
}

/* --- Life ------------------------------------------------------------------------------------- */

static void on_gate_joined(struct keeper *keeper, struct message *message)
{
    gate_link_join(keeper, message->gate_joined.gate, take_fd(&message->gate_joined.channel));
}

static void on_broker_joined(struct keeper *keeper, struct message *message)
{
    broker_link_join(keeper, take_fd(&message->broker_joined.channel));
}

static void on_finish(struct keeper *keeper, struct message *message)
{
    keeper_finish(keeper, message->finish.within_ms);
}

static void on_hand_over(struct keeper *keeper, struct message *message)
{
    successor_hand_over(keeper, message->hand_over.release);
}

static void on_successor_joined(struct keeper *keeper, struct message *message)
{
    successor_join(keeper, take_fd(&message->successor_joined.channel));
}

typedef void setup_handler(struct keeper *keeper, struct message *message);

static setup_handler *const setup_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_configure_begin] = on_begin,   [MESSAGE_configure_limits] = on_limits,
    [MESSAGE_configure_keeper] = on_keeper, [MESSAGE_configure_commit] = on_commit,
    [MESSAGE_gate_joined] = on_gate_joined, [MESSAGE_broker_joined] = on_broker_joined,
    [MESSAGE_finish] = on_finish,           [MESSAGE_hand_over] = on_hand_over,
    [MESSAGE_successor_joined] = on_successor_joined,
};

void setup_on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    if (setup_handlers[message->type] != NULL)
        setup_handlers[message->type](owner, message);
}

void setup_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct keeper *keeper = owner;
    (void)channel;
    role_supervisor_gone(keeper->loop, end);
}
