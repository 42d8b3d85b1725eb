/* The keeper, as the broker asks it; see keeper_link.h. Called from broker.c. */
#include "broker/keeper_link.h"

#include "base/log.h"
#include "broker/broker.h"

typedef void keeper_handler(struct broker *broker, const struct message *message);

static void link_on_device_answer(struct broker *broker, const struct message *message)
{
    impersonate_on_device(broker, &message->device_answer);
}

static keeper_handler *const keeper_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_device_answer] = link_on_device_answer,
};

static void link_on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    if (keeper_handlers[message->type] != NULL)
        keeper_handlers[message->type](owner, message);
}

static void link_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct log_record record;
    (void)channel;
    log_begin(&record, LOG_WARNING, "keeper_away");
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
    impersonate_on_keeper_gone(owner);
}

void keeper_link_init(struct keeper_link *link)
{
    link->channel.fd = -1;
}

void keeper_link_fini(struct keeper_link *link)
{
    channel_fini(&link->channel);
}

void keeper_link_join(struct broker *broker, int fd)
{
    channel_fini(&broker->keeper.channel);
    impersonate_on_keeper_gone(broker);
    if (fd < 0 || channel_init(&broker->keeper.channel, broker->loop, fd, ROLE_BROKER, ROLE_KEEPER,
                               link_on_message, link_on_closed, broker) != 0)
        log_sentence(LOG_ERROR, "keeper_not_joined", "no memory for the channel to the keeper");
}

bool keeper_link_ask(struct keeper_link *link, uint64_t number, const uint8_t *fingerprint)
{
    struct message ask = {.type = MESSAGE_device_ask, .device_ask = {.number = number}};
    memcpy(ask.device_ask.fingerprint, fingerprint, sizeof ask.device_ask.fingerprint);
    return channel_send(&link->channel, &ask);
}
