/*
 * Logins and sessions as gates tell them; see gate_link.h. A login that is asked for comes out as an
 * answer here; the backend's own answer comes back as session_started or login_failed.
 */
#include "keeper/gate_link.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "keeper/keeper.h"

static const char *const answer_names[LOGIN_ANSWER_COUNT] = {
    [LOGIN_ALLOWED] = "allowed",
    [LOGIN_DEVICE_REVOKED] = "device_revoked",
    [LOGIN_TOO_MANY_SESSIONS] = "too_many_sessions",
    [LOGIN_TOO_MANY_FROM_ADDRESS] = "too_many_from_address",
    [LOGIN_ENROLLED] = "enrolled",
    [LOGIN_STATE_UNAVAILABLE] = "state_unavailable",
};

/* --- Logins ----------------------------------------------------------------------------------- */

/*
 * A login that may not be, or a session that may not stay. The login is shown where a certificate or
 * sessions that live show that there is such a user: what people type there may be a password.
 */
static void log_denied(uint64_t id, const struct session_facts *facts, const struct device *device,
                       enum login_answer_code answer)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "login_denied");
    log_id(&record, "session", id);
    if (facts->fingerprint != NULL || answer != LOGIN_STATE_UNAVAILABLE)
        log_span(&record, "login", facts->login);
    log_ip(&record, "address", &facts->address);
    log_span(&record, "listener", facts->listener);
    log_text(&record, "reason", answer_names[answer]);
    if (device != NULL)
        log_span(&record, "device", device_name(device));
    log_end(&record);
}

static struct session_facts facts_of_question(const struct gate_link *link,
                                              const struct message_login_ask *ask)
{
    struct session_facts facts = {.gate = link->number,
                                  .id = ask->session,
                                  .login = ask->login,
                                  .listener = ask->listener,
                                  .factor = ask->factor,
                                  .protocol = ask->protocol,
                                  .fingerprint = ask->has_certificate ? ask->fingerprint : NULL,
                                  .certificate_end_s = ask->certificate_end_s};
    memcpy(facts.address.octets, ask->address, sizeof facts.address.octets);
    return facts;
}

static void link_forget(struct gate_link *link, uint64_t id)
{
    struct sessions *sessions = &link->keeper->sessions;
    struct session *session = sessions_find(sessions, link->number, id);
    if (session == NULL)
        return;
    successor_note_end(link->keeper, id);
    sessions_remove(sessions, session);
}

/*
 * Whether the way in is closed to this user. Comes before the limits of sessions, which would tell
 * who is enrolled; and the backend is not asked, so nothing here depends on the password.
 */
static bool link_is_closed_to(const struct gate_link *link, const struct message_login_ask *ask)
{
    bool is_local_enough = ask->enrolment != ENROLMENT_OF_LOGIN;
    int64_t now_s = clock_wall_s();
    if (ask->enrolment == ENROLMENT_IGNORED || ask->has_certificate != 0)
        return false;
    return devices_has_valid(&link->keeper->devices, ask->login, is_local_enough, now_s) ||
           accounts_have_certificate(&link->keeper->accounts, ask->login, is_local_enough, now_s);
}

static enum login_answer_code link_judge(struct gate_link *link, const struct session_facts *facts,
                                         const struct message_login_ask *ask,
                                         const struct device *device)
{
    struct session *session = NULL;
    link_forget(link, facts->id);
    if (!link->keeper->is_configured)
        return LOGIN_STATE_UNAVAILABLE;
    if (device != NULL && device->revoked_s != 0)
        return LOGIN_DEVICE_REVOKED;
    if (link_is_closed_to(link, ask))
        return LOGIN_ENROLLED;
    enum login_answer_code answer = sessions_ask(&link->keeper->sessions, facts, &session);
    if (answer == LOGIN_ALLOWED)
        successor_note_session(link->keeper, session);
    return answer;
}

static const struct device *link_device(const struct gate_link *link, const uint8_t *fingerprint)
{
    if (fingerprint == NULL || !link->keeper->is_configured)
        return NULL;
    return devices_find(&link->keeper->devices, fingerprint);
}

static void on_login_ask(struct gate_link *link, const struct message *message)
{
    struct session_facts facts = facts_of_question(link, &message->login_ask);
    const struct device *device = link_device(link, facts.fingerprint);
    enum login_answer_code answer = link_judge(link, &facts, &message->login_ask, device);
    if (answer != LOGIN_ALLOWED)
        log_denied(facts.id, &facts, device, answer);
    struct message reply = {
        .type = MESSAGE_login_answer,
        .login_answer = {.session = facts.id,
                         .answer = (uint8_t)answer,
                         .device = device == NULL ? SPAN_NONE : device_name(device)}};
    (void)channel_send(&link->channel, &reply);
}

static void on_login_failed(struct gate_link *link, const struct message *message)
{
    link_forget(link, message->login_failed.session);
}

/* --- Sessions --------------------------------------------------------------------------------- */

static void link_touch_device(struct gate_link *link, const struct session *session, int64_t now_s)
{
    struct device *device =
        session->has_certificate ? devices_find(&link->keeper->devices, session->fingerprint) : NULL;
    if (device != NULL)
        devices_touch(&link->keeper->devices, device, &session->place->address, now_s);
}

static void log_enrolled(const struct session *session)
{
    struct log_record record;
    char end[CLOCK_TEXT_SIZE];
    clock_format(session->certificate_end_s, -1, end);
    log_begin(&record, LOG_INFO, "account_enrolled");
    log_id(&record, "session", session->id);
    log_span(&record, "login", session_login(session));
    log_text(&record, "not_after", end);
    log_end(&record);
}

/*
 * Remembers who was let in. A certificate that is registered as a device speaks for itself; one of
 * another authority counts from here on until it ends.
 */
static void link_note_account(struct gate_link *link, const struct session *session, int64_t now_s)
{
    struct keeper *keeper = link->keeper;
    bool is_foreign = session->has_certificate &&
                      devices_find(&keeper->devices, session->fingerprint) == NULL;
    struct account *account = accounts_ensure(&keeper->accounts, session_login(session));
    if (account == NULL)
        keeper_note_unremembered(keeper);
    else if (accounts_note(&keeper->accounts, account, is_foreign ? session->certificate_end_s : 0,
                           now_s))
        log_enrolled(session);
}

static struct session_facts facts_of_session(const struct session *session)
{
    return (struct session_facts){.login = session_login(session),
                                  .address = session->place->address,
                                  .listener = session_listener(session)};
}

static void on_session_started(struct gate_link *link, const struct message *message)
{
    struct sessions *sessions = &link->keeper->sessions;
    struct session *session =
        sessions_find(sessions, link->number, message->session_started.session);
    if (session == NULL || session->started_s != 0)
        return;
    int64_t now_s = clock_wall_s();
    enum login_answer_code answer = sessions_start(sessions, session, now_s);
    link_touch_device(link, session, now_s);
    successor_note_session(link->keeper, session);
    if (link->keeper->is_configured)
        link_note_account(link, session, now_s);
    if (answer == LOGIN_ALLOWED)
        return;
    struct session_facts facts = facts_of_session(session);
    log_denied(session->id, &facts, NULL, answer);
    gate_link_close_session(link->keeper, session, "limit");
}

static void on_session_ended(struct gate_link *link, const struct message *message)
{
    link_forget(link, message->session_ended.session);
}

static void on_session_announce(struct gate_link *link, const struct message *message)
{
    const struct message_session_announce *announce = &message->session_announce;
    struct session_facts facts = {
        .gate = link->number,
        .id = announce->session,
        .login = announce->login,
        .listener = announce->listener,
        .factor = announce->factor,
        .protocol = announce->protocol,
        .fingerprint = announce->has_certificate ? announce->fingerprint : NULL};
    memcpy(facts.address.octets, announce->address, sizeof facts.address.octets);
    struct session *session =
        sessions_announce(&link->keeper->sessions, &facts, announce->started_s);
    if (session != NULL)
        successor_note_session(link->keeper, session);
    const struct device *device = link_device(link, facts.fingerprint);
    if (session != NULL && device != NULL && device->revoked_s != 0)
        gate_link_close_session(link->keeper, session, "revoked");
}

void gate_link_close_session(struct keeper *keeper, struct session *session, const char *reason)
{
    struct gate_link *link = keeper->gates[session->gate];
    invariant(link != NULL);
    if (session->is_closing)
        return;
    session->is_closing = true;
    struct message order = {.type = MESSAGE_session_close,
                            .session_close = {.session = session->id, .reason = span_of(reason)}};
    (void)channel_send(&link->channel, &order);
}

static void on_journal_add(struct gate_link *link, const struct message *message)
{
    journal_note(&link->keeper->journal, &message->journal_add, clock_wall_s());
}

/* --- The channel ------------------------------------------------------------------------------ */

typedef void gate_handler(struct gate_link *link, const struct message *message);

static gate_handler *const gate_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_journal_add] = on_journal_add,
    [MESSAGE_login_ask] = on_login_ask,
    [MESSAGE_login_failed] = on_login_failed,
    [MESSAGE_session_started] = on_session_started,
    [MESSAGE_session_ended] = on_session_ended,
    [MESSAGE_session_announce] = on_session_announce,
};

static void link_on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    if (gate_handlers[message->type] != NULL)
        gate_handlers[message->type](owner, message);
}

static void link_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct gate_link *link = owner;
    struct keeper *keeper = link->keeper;
    struct log_record record;
    (void)channel;
    log_begin(&record, end == CHANNEL_PEER_GONE ? LOG_INFO : LOG_ERROR, "gate_left");
    log_number(&record, "gate", link->number);
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
    gate_link_free(link);
    keeper_gate_left(keeper);
}

void gate_link_free(struct gate_link *link)
{
    if (link == NULL)
        return;
    const struct session *session;
    LIST_FOREACH (session, &link->keeper->sessions.of_gate[link->number], of_gate)
        successor_note_end(link->keeper, session->id);
    sessions_remove_gate(&link->keeper->sessions, link->number);
    link->keeper->gates[link->number] = NULL;
    link->keeper->gate_count--;
    channel_fini(&link->channel);
    free(link);
}

/* Takes over fd in any case. False when it can't be served. */
static bool link_open(struct keeper *keeper, uint32_t number, int fd)
{
    auto_close int owned = fd;
    struct gate_link *link =
        number < SESSIONS_GATES_MAX && owned >= 0 ? calloc(1, sizeof *link) : NULL;
    if (link == NULL)
        return false;
    link->keeper = keeper;
    link->number = number;
    if (channel_init(&link->channel, keeper->loop, take_fd(&owned), ROLE_KEEPER, ROLE_GATE,
                     link_on_message, link_on_closed, link) != 0) {
        free(link);
        return false;
    }
    gate_link_free(keeper->gates[number]);
    keeper->gates[number] = link;
    keeper->gate_count++;
    return true;
}

void gate_link_join(struct keeper *keeper, uint32_t number, int fd)
{
    if (!link_open(keeper, number, fd))
        log_sentence(LOG_ERROR, "gate_not_joined",
                     "gate %u can't be served: no memory, or its number is above %d", number,
                     SESSIONS_GATES_MAX - 1);
}
