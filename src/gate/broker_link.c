/* The broker, as a gate asks it; see broker_link.h. Called from gate.c. */
#include "gate/broker_link.h"

#include "base/clock.h"
#include "base/log.h"
#include "gate/gate.h"

enum {
    BROKER_RETURN_MS = 2000, /* a broker that died is back long before */
};

void broker_link_init(struct broker_link *link)
{
    link->channel.fd = -1;
    signer_init(&link->signer);
    link->left_ms = clock_monotonic_ms();
    master_logins_init(&link->logins);
}

void broker_link_fini(struct broker_link *link)
{
    channel_fini(&link->channel);
    signer_fini(&link->signer);
}

bool broker_link_is_awaited(const struct broker_link *link, uint64_t now_ms)
{
    return link->channel.fd < 0 && now_ms - link->left_ms < BROKER_RETURN_MS;
}

static void on_ticket_keys(struct gate *gate, struct message *message)
{
    ticket_keys_take(&gate->ticket_keys, &message->ticket_keys);
}

static void on_master_login_done(struct gate *gate, struct message *message)
{
    master_logins_on_done(gate, &message->master_login_done);
}

static void on_scram_first(struct gate *gate, struct message *message)
{
    master_logins_on_scram_first(gate, &message->scram_first);
}

static void on_scram_proof(struct gate *gate, struct message *message)
{
    master_logins_on_scram_proof(gate, &message->scram_proof);
}

typedef void broker_handler(struct gate *gate, struct message *message);

static broker_handler *const broker_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_ticket_keys] = on_ticket_keys,
    [MESSAGE_master_login_done] = on_master_login_done,
    [MESSAGE_scram_first] = on_scram_first,
    [MESSAGE_scram_proof] = on_scram_proof,
};

static void broker_link_on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    if (broker_handlers[message->type] != NULL)
        broker_handlers[message->type](owner, message);
}

static void broker_link_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct gate *gate = owner;
    struct log_record record;
    (void)channel;
    log_begin(&record, LOG_WARNING, "broker_away");
    log_text(&record, "reason", channel_end_text(end));
    log_end(&record);
    signer_fini(&gate->broker.signer);
    gate->broker.left_ms = clock_monotonic_ms();
    ticket_keys_forget(&gate->ticket_keys);
    master_logins_lose(gate);
}

static void broker_link_on_flushed(struct channel *channel, void *owner)
{
    (void)channel;
    master_logins_go_on(owner);
}

void broker_link_join(struct gate *gate, int fd, int signing_fd)
{
    broker_link_fini(&gate->broker);
    ticket_keys_forget(&gate->ticket_keys);
    master_logins_lose(gate);
    signer_join(&gate->broker.signer, signing_fd);
    if (fd < 0 || channel_init(&gate->broker.channel, gate->loop, fd, ROLE_GATE, ROLE_BROKER,
                               broker_link_on_message, broker_link_on_closed, gate) != 0)
        log_sentence(LOG_ERROR, "broker_not_joined", "no memory for the channel to the broker");
    else
        gate->broker.channel.on_flushed = broker_link_on_flushed;
}
