/* What a gate asks of the broker; see gate_link.h. A handler a message; the tables name them. */
#include "broker/gate_link.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "broker/broker.h"
#include "broker/sign.h"

typedef void gate_handler(struct gate_link *link, struct message *message);

static void link_log_refusal(const struct gate_link *link, const char *reason)
{
    struct log_record record;
    log_begin(&record, LOG_WARNING, "signing_refused");
    log_number(&record, "gate", link->number);
    log_text(&record, "reason", reason);
    log_end(&record);
}

static void link_on_sign_ask(struct gate_link *link, struct message *message)
{
    const struct message_sign_ask *ask = &message->sign_ask;
    auto_strbuf struct strbuf signature = STRBUF(SIGN_SIGNATURE_MAX);
    EVP_PKEY *key = keys_find(&link->broker->keys, ask->key);
    if (key == NULL)
        key = keys_find(&link->broker->former, ask->key);
    if (key == NULL)
        link_log_refusal(link, "there is no such key");
    else if (!sign_text(key, ask, &signature))
        link_log_refusal(link, "not what a TLS server signs with this key");
    struct message answer = {
        .type = MESSAGE_sign_answer,
        .sign_answer = {.number = ask->number, .signature = strbuf_span(&signature)}};
    (void)channel_send(&link->signing, &answer);
}

static void link_on_master_login(struct gate_link *link, struct message *message)
{
    impersonate_begin(link, &message->master_login);
}

static void link_on_scram_challenge(struct gate_link *link, struct message *message)
{
    impersonate_on_challenge(link, &message->scram_challenge);
}

static void link_on_master_login_cancel(struct gate_link *link, struct message *message)
{
    impersonate_cancel(link, message->master_login_cancel.number);
}

static gate_handler *const gate_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_master_login] = link_on_master_login,
    [MESSAGE_scram_challenge] = link_on_scram_challenge,
    [MESSAGE_master_login_cancel] = link_on_master_login_cancel,
};

static gate_handler *const signing_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_sign_ask] = link_on_sign_ask,
};

static void link_on_message(struct channel *channel, struct message *message, void *owner)
{
    struct gate_link *link = owner;
    gate_handler *const *handlers = channel == &link->signing ? signing_handlers : gate_handlers;
    if (handlers[message->type] != NULL)
        handlers[message->type](link, message);
}

static void link_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct gate_link *link = owner;
    struct log_record record;
    (void)channel;
    log_begin(&record, end == CHANNEL_PEER_GONE ? LOG_INFO : LOG_ERROR, "gate_left");
    log_number(&record, "gate", link->number);
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
    gate_link_free(link);
}

void gate_link_free(struct gate_link *link)
{
    if (link == NULL)
        return;
    impersonate_drop_all(link);
    link->broker->gates[link->number] = NULL;
    channel_fini(&link->channel);
    channel_fini(&link->signing);
    free(link);
}

static bool link_open_one(struct gate_link *link, struct channel *channel, int *fd)
{
    return *fd >= 0 && channel_init(channel, link->broker->loop, take_fd(fd), ROLE_BROKER, ROLE_GATE,
                                    link_on_message, link_on_closed, link) == 0;
}

/* Takes over both in any case. False when they can't be served. */
static bool link_open(struct broker *broker, uint32_t number, int channel_fd, int signing_fd)
{
    auto_close int channel = channel_fd;
    auto_close int signing = signing_fd;
    if (number >= BROKER_GATES_MAX)
        return false;
    gate_link_free(broker->gates[number]);
    struct gate_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return false;
    *link = (struct gate_link){.channel.fd = -1, .signing.fd = -1, .broker = broker, .number = number};
    TAILQ_INIT(&link->logins);
    broker->gates[number] = link;
    if (link_open_one(link, &link->channel, &channel) && link_open_one(link, &link->signing, &signing))
        return true;
    gate_link_free(link);
    return false;
}

void gate_link_send_ticket_keys(struct gate_link *link)
{
    struct message message;
    ticket_keys_print(&link->broker->ticket_keys, &message);
    (void)channel_send(&link->channel, &message);
}

void gate_link_join(struct broker *broker, uint32_t number, int channel_fd, int signing_fd)
{
    if (link_open(broker, number, channel_fd, signing_fd))
        gate_link_send_ticket_keys(broker->gates[number]);
    else
        log_sentence(LOG_ERROR, "gate_not_joined",
                     "gate %u can't be served: no memory, or its number is above %d", number,
                     BROKER_GATES_MAX - 1);
}
