/* Serving the gates of a former release; see successor.h. Called by setup.c and gate_link.c. */
#include "keeper/successor.h"

#include "base/log.h"
#include "keeper/keeper.h"

void successor_hand_over(struct keeper *keeper, struct span release)
{
    struct log_record record;
    control_fini(&keeper->control);
    keeper_flush(keeper);
    bool is_stored =
        LIST_EMPTY(&keeper->devices.unwritten) && LIST_EMPTY(&keeper->accounts.unwritten);
    devices_release(&keeper->devices);
    keeper->is_retired = true;
    log_begin(&record, LOG_INFO, "state_handed_over");
    log_span(&record, "release", release);
    log_end(&record);
    struct message done = {.type = MESSAGE_handed_over, .handed_over = {.is_stored = is_stored}};
    (void)channel_send(&keeper->supervisor, &done);
}

void successor_note_session(struct keeper *keeper, const struct session *session)
{
    if (!channel_is_open(&keeper->successor))
        return;
    struct message message = {.type = MESSAGE_session_announce,
                              .session_announce = {.session = session->id,
                                                   .login = session_login(session),
                                                   .listener = session_listener(session),
                                                   .protocol = session->protocol,
                                                   .factor = session_factor(session),
                                                   .has_certificate = session->has_certificate,
                                                   .started_s = session->started_s}};
    struct message_session_announce *announce = &message.session_announce;
    memcpy(announce->address, session->place->address.octets, sizeof announce->address);
    memcpy(announce->fingerprint, session->fingerprint, sizeof announce->fingerprint);
    (void)channel_send(&keeper->successor, &message);
}

void successor_note_end(struct keeper *keeper, uint64_t id)
{
    if (!channel_is_open(&keeper->successor))
        return;
    struct message message = {.type = MESSAGE_session_ended, .session_ended = {.session = id}};
    (void)channel_send(&keeper->successor, &message);
}

static void successor_on_message(struct channel *channel, struct message *message, void *owner)
{
    struct keeper *keeper = owner;
    (void)channel;
    if (message->type != MESSAGE_session_close)
        return;
    auto_strbuf struct strbuf reason = STRBUF(64);
    struct session *session = sessions_with_id(&keeper->sessions, message->session_close.session, NULL);
    strbuf_append_span(&reason, message->session_close.reason);
    if (session != NULL)
        gate_link_close_session(keeper, session, strbuf_text(&reason));
}

/* The supervisor joins us to the next one. */
static void successor_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct log_record record;
    (void)channel;
    (void)owner;
    log_begin(&record, LOG_WARNING, "keeper_away");
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
}

void successor_join(struct keeper *keeper, int fd)
{
    channel_fini(&keeper->successor);
    if (fd < 0 || channel_init(&keeper->successor, keeper->loop, fd, ROLE_GATE, ROLE_KEEPER,
                               successor_on_message, successor_on_closed, keeper) != 0) {
        log_sentence(LOG_ERROR, "gate_not_joined", "no memory for the channel to the new keeper");
        return;
    }
    const struct session *session;
    for (size_t i = 0; i < SESSIONS_GATES_MAX; i++)
        LIST_FOREACH (session, &keeper->sessions.of_gate[i], of_gate)
            successor_note_session(keeper, session);
}
