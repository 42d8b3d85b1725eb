/*
 * Devices, accounts and sessions as people command them; called by control.c. Each change is on the disk, in
 * effect at the gates and in the log, with the uid of who made it, before its answer is sent.
 */
#include "keeper/commands.h"

#include "base/clock.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/listing.h"

enum { COMMAND_REASON_MAX = 600 };

static void on_hello(struct control_client *client, const struct message *message)
{
    const struct span ours = SPAN(POSTERN_VERSION);
    const struct setup_configuration *setup = &client->keeper->setup.current;
    if (!span_equal(message->hello.release, ours)) {
        control_client_fail(client, "this command and the running Postern (" POSTERN_VERSION
                                    ") are of two releases: restart Postern");
        return;
    }
    struct message answer = {.type = MESSAGE_welcome,
                             .welcome = {.release = ours,
                                         .default_domain = strbuf_span(&setup->default_domain),
                                         .netbios_domains = strbuf_span(&setup->netbios_domains),
                                         .hostname = strbuf_span(&setup->hostname)}};
    (void)channel_send(&client->channel, &answer);
}

/* --- Devices ---------------------------------------------------------------------------------- */

static void log_device(const struct control_client *client, const char *event,
                       const struct device *device, uint64_t sessions)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, event);
    log_number(&record, "peer_uid", client->uid);
    log_span(&record, "login", device_login(device));
    log_span(&record, "device", device_name(device));
    log_span(&record, "serial", device_serial(device));
    if (device->revoked_s != 0)
        log_number(&record, "sessions", (int64_t)sessions);
    log_end(&record);
}

/* Answers a change of devices or accounts that was not made; notes how the store did in any case. */
static void answer_unless_done(struct control_client *client, enum device_result result,
                               const struct strbuf *reason)
{
    auto_strbuf struct strbuf sentence = STRBUF(COMMAND_REASON_MAX);
    if (result == DEVICE_STORE_FAILED)
        strbuf_append(&sentence, "nothing was changed: ");
    strbuf_append_span(&sentence, strbuf_span(reason));
    if (result != DEVICE_REFUSED)
        keeper_note_store(client->keeper, result == DEVICE_DONE, strbuf_text(reason));
    if (result != DEVICE_DONE)
        control_client_fail(client, strbuf_text(&sentence));
}

static void on_device_add(struct control_client *client, const struct message *message)
{
    const struct message_device_add *add = &message->device_add;
    struct devices *devices = &client->keeper->devices;
    auto_strbuf struct strbuf reason = STRBUF(COMMAND_REASON_MAX);
    struct device_facts facts = {.login = add->login,
                                 .name = add->name,
                                 .fingerprint = add->fingerprint,
                                 .serial = add->serial,
                                 .issuer = add->issuer,
                                 .not_after_s = add->not_after_s};
    enum device_result result = devices_add(devices, &facts, clock_wall_s(), &reason);
    answer_unless_done(client, result, &reason);
    if (result != DEVICE_DONE)
        return;
    (void)accounts_ensure(&client->keeper->accounts, add->login);
    log_device(client, "device_added", devices_find(devices, add->fingerprint), 0);
    control_client_done(client, 1);
}

/* Tells the gates to close the sessions of a device; how many those are. */
static uint64_t close_sessions_of(struct keeper *keeper, const struct device *device)
{
    uint64_t count = 0;
    struct session *session = NULL;
    while ((session = sessions_with_fingerprint(&keeper->sessions, device->fingerprint, session)) !=
           NULL) {
        gate_link_close_session(keeper, session, "revoked");
        count++;
    }
    return count;
}

static void fail_unknown_device(struct control_client *client,
                                const struct message_device_revoke *revoke)
{
    auto_strbuf struct strbuf sentence = STRBUF(COMMAND_REASON_MAX);
    strbuf_append_span(&sentence, revoke->login);
    strbuf_append(&sentence, revoke->name.len > 0 ? " has no device named " : " has no device of serial ");
    strbuf_append_span(&sentence, revoke->name.len > 0 ? revoke->name : revoke->serial);
    control_client_fail(client, strbuf_text(&sentence));
}

static void on_device_revoke(struct control_client *client, const struct message *message)
{
    const struct message_device_revoke *revoke = &message->device_revoke;
    struct keeper *keeper = client->keeper;
    auto_strbuf struct strbuf reason = STRBUF(COMMAND_REASON_MAX);
    struct device *device =
        devices_find_named(&keeper->devices, revoke->login, revoke->name, revoke->serial);
    if (device == NULL) {
        fail_unknown_device(client, revoke);
        return;
    }
    enum device_result result = devices_revoke(&keeper->devices, device, clock_wall_s(), &reason);
    answer_unless_done(client, result, &reason);
    if (result != DEVICE_DONE)
        return;
    uint64_t count = close_sessions_of(keeper, device);
    log_device(client, "device_revoked", device, count);
    control_client_done(client, count);
}

/* --- Accounts --------------------------------------------------------------------------------- */

static void on_account_forget(struct control_client *client, const struct message *message)
{
    struct accounts *accounts = &client->keeper->accounts;
    struct account *account = accounts_find(accounts, message->account_forget.login);
    auto_strbuf struct strbuf reason = STRBUF(COMMAND_REASON_MAX);
    if (account == NULL) {
        control_client_fail(client, "this user was never seen");
        return;
    }
    enum device_result result = accounts_forget(accounts, account, &reason);
    answer_unless_done(client, result, &reason);
    if (result != DEVICE_DONE)
        return;
    struct log_record record;
    log_begin(&record, LOG_INFO, "account_forgotten");
    log_number(&record, "peer_uid", client->uid);
    log_span(&record, "login", account_login(account));
    log_end(&record);
    control_client_done(client, 1);
}

/* --- Sessions --------------------------------------------------------------------------------- */

static struct session *next_kicked(const struct keeper *keeper,
                                   const struct message_session_kick *kick,
                                   const struct session *after)
{
    if (kick->login.len > 0)
        return sessions_of_login(&keeper->sessions, kick->login, after);
    return sessions_with_id(&keeper->sessions, kick->session, after);
}

static void log_kick(const struct control_client *client, const struct session *session)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "session_kicked");
    log_number(&record, "peer_uid", client->uid);
    log_id(&record, "session", session->id);
    log_span(&record, "login", session_login(session));
    log_ip(&record, "address", &session->place->address);
    log_end(&record);
}

static void on_session_kick(struct control_client *client, const struct message *message)
{
    uint64_t count = 0;
    struct session *session = NULL;
    while ((session = next_kicked(client->keeper, &message->session_kick, session)) != NULL) {
        gate_link_close_session(client->keeper, session, "kicked");
        log_kick(client, session);
        count++;
    }
    if (count == 0)
        control_client_fail(client, message->session_kick.login.len > 0
                                        ? "this user has no session"
                                        : "there is no session of that number");
    else
        control_client_done(client, count);
}

/* --- Lists ------------------------------------------------------------------------------------ */

static void answer_with(struct control_client *client, struct listing *listing)
{
    if (listing == NULL)
        control_client_fail(client, "no memory for the list");
    else
        control_client_list(client, listing);
}

static void on_device_list(struct control_client *client, const struct message *message)
{
    answer_with(client, listing_of_devices(&client->keeper->devices, message->device_list.login));
}

static void on_account_list(struct control_client *client, const struct message *message)
{
    answer_with(client, listing_of_accounts(client->keeper, message->account_list.login));
}

static void on_session_list(struct control_client *client, const struct message *message)
{
    answer_with(client, listing_of_sessions(client->keeper, message->session_list.login));
}

/* --- The journal ------------------------------------------------------------------------------ */

/* A page of it to the command that asks. */
struct journal_page {
    struct control_client *client;
    uint64_t sent;
};

static void send_journal_row(const struct stored_decision *decision, void *owner)
{
    struct journal_page *page = owner;
    struct message row = {.type = MESSAGE_journal_row,
                          .journal_row = {.at_s = decision->at_s,
                                          .line = decision->id,
                                          .rule = decision->rule,
                                          .listener = decision->listener,
                                          .login = decision->user,
                                          .network = decision->network,
                                          .count = decision->count}};
    page->sent += channel_send(&page->client->channel, &row);
}

/* The store, with all that is pending in it; NULL, and the command is answered, where there is none yet. */
static struct store *journal_store(struct control_client *client, bool is_first)
{
    struct keeper *keeper = client->keeper;
    if (!keeper->is_configured) {
        control_client_fail(client, "Postern is only starting: try again");
        return NULL;
    }
    if (is_first)
        journal_flush(&keeper->journal, keeper->devices.store, clock_wall_s());
    return keeper->devices.store;
}

static void on_journal_read(struct control_client *client, const struct message *message)
{
    auto_strbuf struct strbuf reason = STRBUF(STORE_REASON_MAX);
    const struct message_journal_read *read = &message->journal_read;
    struct journal_page page = {.client = client};
    struct stored_page asked = {.outcome = read->outcome,
                                .at_s = read->at_s,
                                .id = read->line,
                                .until_s = read->until_s,
                                .most = JOURNAL_PAGE_ROWS};
    struct store *store = journal_store(client, read->line == 0);
    if (store == NULL)
        return;
    if (store_read_decisions(store, &asked, send_journal_row, &page, &reason))
        control_client_done(client, page.sent);
    else
        control_client_fail(client, strbuf_text(&reason));
}

static void on_journal_sum(struct control_client *client, const struct message *message)
{
    auto_strbuf struct strbuf reason = STRBUF(STORE_REASON_MAX);
    const struct message_journal_sum *sum = &message->journal_sum;
    uint64_t counts[JOURNAL_OUTCOME_COUNT];
    struct store *store = journal_store(client, true);
    if (store == NULL)
        return;
    if (!store_sum_counts(store, sum->since_s > 0 ? sum->since_s : 0, sum->until_s, counts, &reason)) {
        control_client_fail(client, strbuf_text(&reason));
        return;
    }
    struct message answer = {.type = MESSAGE_journal_sums,
                             .journal_sums = {.logins_observed = counts[JOURNAL_LOGIN_OBSERVED],
                                              .logins = counts[JOURNAL_LOGIN],
                                              .dropped = counts[JOURNAL_DROPPED]}};
    (void)channel_send(&client->channel, &answer);
}

/* --- The table -------------------------------------------------------------------------------- */

typedef void command_handler(struct control_client *client, const struct message *message);

static command_handler *const command_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_hello] = on_hello,
    [MESSAGE_device_add] = on_device_add,
    [MESSAGE_device_list] = on_device_list,
    [MESSAGE_device_revoke] = on_device_revoke,
    [MESSAGE_account_list] = on_account_list,
    [MESSAGE_account_forget] = on_account_forget,
    [MESSAGE_session_list] = on_session_list,
    [MESSAGE_session_kick] = on_session_kick,
    [MESSAGE_journal_read] = on_journal_read,
    [MESSAGE_journal_sum] = on_journal_sum,
};

void command_run(struct control_client *client, const struct message *message)
{
    if (command_handlers[message->type] != NULL)
        command_handlers[message->type](client, message);
}
