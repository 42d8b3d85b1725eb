/* Asks the keeper and obeys it; see keeper_link.h. Called from login.c and relay.c. */
#include "gate/keeper_link.h"

#include "base/container_of.h"
#include "base/invariant.h"
#include "base/log.h"
#include "gate/admission.h"
#include "gate/gate.h"
#include "gate/login.h"
#include "gate/session.h"
#include "gate/verdict.h"

void keeper_link_init(struct keeper_link *link)
{
    link->channel.fd = -1;
}

void keeper_link_fini(struct keeper_link *link)
{
    channel_fini(&link->channel);
}

static void keeper_link_on_answer(struct gate *gate, struct message *message)
{
    const struct message_login_answer *answer = &message->login_answer;
    struct registered *entry = registry_find(&gate->registry, answer->session);
    /* The session may have ended meanwhile; the keeper hears of that by its own message. */
    if (entry != NULL && entry->kind == REGISTERED_SESSION)
        login_on_answer(container_of(entry, struct session, registered), answer);
}

/*
 * A session above its user's cap, found when it started, stays where rules only observe. The keeper has
 * marked it as closing; announced again it is one like any other.
 */
static bool keeper_link_spares(struct gate *gate, const struct relay *relay, struct span reason)
{
    const struct admission *admission = relay->admission;
    if (!span_equal(reason, SPAN("limit")) ||
        rule_refuses_login(admission->listener, &admission->address, admission->login, RULE_SESSIONS))
        return false;
    keeper_link_tell(gate, MESSAGE_session_ended, admission->id);
    keeper_link_announce(gate, admission, true);
    return true;
}

static void keeper_link_on_close(struct gate *gate, struct message *message)
{
    const struct message_session_close *order = &message->session_close;
    struct registered *entry = registry_find(&gate->registry, order->session);
    if (entry == NULL)
        return;
    if (entry->kind == REGISTERED_SESSION)
        session_end(container_of(entry, struct session, registered), "kicked");
    else if (!keeper_link_spares(gate, container_of(entry, struct relay, registered), order->reason))
        relay_end(container_of(entry, struct relay, registered), relay_end_of(order->reason));
}

static void keeper_link_on_message(struct channel *channel, struct message *message, void *owner)
{
    struct gate *gate = owner;
    (void)channel;
    if (message->type == MESSAGE_login_answer)
        keeper_link_on_answer(gate, message);
    else if (message->type == MESSAGE_session_close)
        keeper_link_on_close(gate, message);
}

/* Every session that waits for an answer would wait for ever. */
static void keeper_link_give_up_waiting(struct gate *gate)
{
    struct session *next;
    for (struct session *session = TAILQ_FIRST(&gate->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        login_on_keeper_gone(session);
    }
}

static void keeper_link_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct gate *gate = owner;
    struct log_record record;
    (void)channel;
    log_begin(&record, LOG_WARNING, "keeper_away");
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
    keeper_link_give_up_waiting(gate);
}

void keeper_link_announce(struct gate *gate, const struct admission *admission, bool is_live)
{
    auto_strbuf struct strbuf factor_text = STRBUF(64);
    struct message message;
    admission_to_announce(admission, &message, &factor_text);
    if (!is_live)
        message.session_announce.started_s = 0;
    (void)channel_send(&gate->keeper.channel, &message);
}

/* Also what waits for its backend: a keeper that did not know it could not close it when it lives. */
static void keeper_link_announce_all(struct gate *gate)
{
    struct relay *relay;
    struct session *session;
    TAILQ_FOREACH (relay, &gate->relays.list, link)
        keeper_link_announce(gate, relay->admission, true);
    TAILQ_FOREACH (session, &gate->sessions, link)
        if (session->login.is_asked && session->login.admission != NULL)
            keeper_link_announce(gate, session->login.admission, false);
}

void keeper_link_join(struct gate *gate, int fd)
{
    channel_fini(&gate->keeper.channel);
    keeper_link_give_up_waiting(gate);
    if (channel_init(&gate->keeper.channel, gate->loop, fd, ROLE_GATE, ROLE_KEEPER,
                     keeper_link_on_message, keeper_link_on_closed, gate) != 0)
        return;
    keeper_link_announce_all(gate);
}

bool keeper_link_ask(struct gate *gate, const struct admission *admission)
{
    auto_strbuf struct strbuf factor_text = STRBUF(64);
    struct message message;
    admission_to_ask(admission, &message, &factor_text);
    return channel_send(&gate->keeper.channel, &message);
}

void keeper_link_tell(struct gate *gate, enum message_type type, uint64_t session)
{
    struct message message = {.type = type};
    switch ((int)type) {
    case MESSAGE_session_started:
        message.session_started.session = session;
        break;
    case MESSAGE_login_failed:
        message.login_failed.session = session;
        break;
    default:
        invariant(type == MESSAGE_session_ended);
        message.session_ended.session = session;
        break;
    }
    (void)channel_send(&gate->keeper.channel, &message);
}

bool keeper_link_note(struct gate *gate, const struct message_journal_add *note)
{
    struct message message = {.type = MESSAGE_journal_add, .journal_add = *note};
    return channel_is_open(&gate->keeper.channel) && channel_is_flushed(&gate->keeper.channel) &&
           channel_send(&gate->keeper.channel, &message);
}
