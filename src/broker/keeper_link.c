/* The keeper, as the broker asks it; see keeper_link.h. Called from broker.c. */
#include "broker/keeper_link.h"

#include "base/log.h"

typedef void keeper_handler(struct keeper_link *link, struct message *message);

static keeper_handler *const keeper_handlers[MESSAGE_TYPE_COUNT] = {NULL};

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
    (void)owner;
    log_begin(&record, LOG_WARNING, "keeper_away");
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
}

void keeper_link_init(struct keeper_link *link)
{
    link->channel.fd = -1;
}

void keeper_link_fini(struct keeper_link *link)
{
    channel_fini(&link->channel);
}

void keeper_link_join(struct keeper_link *link, struct event_base *loop, int fd)
{
    channel_fini(&link->channel);
    if (fd < 0 || channel_init(&link->channel, loop, fd, ROLE_BROKER, ROLE_KEEPER, link_on_message,
                               link_on_closed, link) != 0)
        log_sentence(LOG_ERROR, "keeper_not_joined", "no memory for the channel to the keeper");
}
