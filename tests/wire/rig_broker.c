/* Plays the broker; see rig_broker.h. */
#include "rig_broker.h"

#include "base/cleanup.h"
#include "base/invariant.h"

static void rig_broker_answer(struct rig_broker *broker, struct message_master_login_done done)
{
    struct message message = {.type = MESSAGE_master_login_done, .master_login_done = done};
    message.master_login_done.number = broker->number;
    (void)channel_send(&broker->gate, &message);
    backend_login_free(take(&broker->login));
}

static void rig_broker_on_login(struct backend_login *login, enum backend_login_result result, void *owner)
{
    struct rig_broker *broker = owner;
    struct message_master_login_done done = {.result = MASTER_LOGIN_REFUSED, .socket = -1};
    if (result == BACKEND_LOGIN_UNAVAILABLE)
        done.result = MASTER_LOGIN_UNAVAILABLE;
    if (result == BACKEND_LOGIN_OK)
        done = (struct message_master_login_done){.result = MASTER_LOGIN_DONE,
                                                  .login = SPAN("alice@example.org"),
                                                  .capabilities = backend_login_capabilities(login),
                                                  .rest = backend_login_rest(login),
                                                  .socket = login->stream.fd};
    rig_broker_answer(broker, done);
}

static void rig_broker_on_message(struct channel *channel, struct message *message, void *owner)
{
    struct rig_broker *broker = owner;
    struct backend_login_request request = {.backend = &broker->backend,
                                            .mechanism = SASL_EXTERNAL,
                                            .login = SPAN("alice@example.org"),
                                            .client = &broker->client,
                                            .local = &broker->local,
                                            .client_id = SPAN_NONE,
                                            .has_certificate = true};
    (void)channel;
    if (message->type == MESSAGE_master_login_cancel)
        backend_login_free(take(&broker->login));
    if (message->type != MESSAGE_master_login)
        return;
    broker->number = message->master_login.number;
    broker->login = backend_login_start(broker->loop, &broker->reaper, &request, rig_broker_on_login, broker);
    invariant(broker->login != NULL);
}

static void rig_broker_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    (void)channel;
    (void)end;
    (void)owner;
}

void rig_broker_init(struct rig_broker *broker, struct event_base *loop, int fd)
{
    *broker = (struct rig_broker){.loop = loop};
    arena_init(&broker->arena, 1 << 16);
    reaper_init(&broker->reaper, loop);
    invariant(channel_init(&broker->gate, loop, fd, ROLE_BROKER, ROLE_GATE, rig_broker_on_message,
                           rig_broker_on_closed, broker) == 0);
}

void rig_broker_configure(struct rig_broker *broker, const struct message_configure_backend *backend,
                          int password_fd)
{
    struct message_configure_backend ours = *backend;
    auto_strbuf struct strbuf why = STRBUF(256);
    ours.master_password = password_fd;
    invariant(backend_configure(&broker->backend, &ours, &broker->arena, &why));
    (void)close(password_fd);
}

void rig_broker_fini(struct rig_broker *broker)
{
    channel_fini(&broker->gate);
    backend_login_free(take(&broker->login));
    reaper_fini(&broker->reaper);
    backend_fini(&broker->backend);
    arena_fini(&broker->arena);
}
