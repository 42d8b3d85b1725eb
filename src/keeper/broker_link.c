/* What the broker asks of the keeper; see broker_link.h. A handler a message; the table names them. */
#include "keeper/broker_link.h"

#include "base/log.h"
#include "keeper/keeper.h"

typedef void broker_handler(struct keeper *keeper, struct message *message);

static enum login_answer_code link_judge(const struct keeper *keeper, const uint8_t *fingerprint)
{
    if (!keeper->is_configured)
        return LOGIN_STATE_UNAVAILABLE;
    const struct device *device = devices_find(&keeper->devices, fingerprint);
    return device != NULL && device->revoked_s != 0 ? LOGIN_DEVICE_REVOKED : LOGIN_ALLOWED;
}

static void on_device_ask(struct keeper *keeper, struct message *message)
{
    const struct message_device_ask *ask = &message->device_ask;
    struct message answer = {
        .type = MESSAGE_device_answer,
        .device_answer = {.number = ask->number,
                          .answer = (uint8_t)link_judge(keeper, ask->fingerprint)}};
    (void)channel_send(&keeper->broker, &answer);
}

static broker_handler *const broker_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_device_ask] = on_device_ask,
};

static void link_on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    if (broker_handlers[message->type] != NULL)
        broker_handlers[message->type](owner, message);
}

static void link_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct log_record record;
    (void)channel;
    (void)owner;
    log_begin(&record, end == CHANNEL_PEER_GONE ? LOG_INFO : LOG_ERROR, "broker_left");
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
}

void broker_link_join(struct keeper *keeper, int fd)
{
    channel_fini(&keeper->broker);
    if (fd < 0 || channel_init(&keeper->broker, keeper->loop, fd, ROLE_KEEPER, ROLE_BROKER,
                               link_on_message, link_on_closed, keeper) != 0)
        log_sentence(LOG_ERROR, "broker_not_joined", "no memory for the channel to the broker");
}
