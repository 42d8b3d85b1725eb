/*
 * The broker, as far as a gate's transcript needs it: logs in as master user for whoever asks, by the same
 * backend/login.c, and hands the connection over. Who may ask is not its business here.
 */
#ifndef POSTERN_TESTS_WIRE_RIG_BROKER_H
#define POSTERN_TESTS_WIRE_RIG_BROKER_H

#include <event2/event.h>

#include "backend/backend.h"
#include "backend/login.h"
#include "base/reaper.h"
#include "channel/channel.h"

struct rig_broker {
    struct event_base *loop;
    struct channel gate; /* our end */
    struct backend backend;
    struct arena arena;
    struct reaper reaper;
    struct backend_login *login; /* one at a time */
    uint64_t number;
    struct endpoint client;
    struct endpoint local;
};

/* Takes over our end of the channel to the gate. The backend is told by the message that the gate gets. */
void rig_broker_init(struct rig_broker *broker, struct event_base *loop, int fd);
void rig_broker_configure(struct rig_broker *broker, const struct message_configure_backend *backend,
                          int password_fd);
void rig_broker_fini(struct rig_broker *broker);

#endif
