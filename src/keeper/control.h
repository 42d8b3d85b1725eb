/*
 * The control socket: people's commands. Who may speak is decided by the uid that the kernel names
 * (SO_PEERCRED): root, who started the keeper, and the listed operators; anyone else is told so and
 * closed. Clients are few (CONTROL_CLIENTS_MAX) and have CONTROL_SILENCE_S to say or take something.
 */
#ifndef POSTERN_KEEPER_CONTROL_H
#define POSTERN_KEEPER_CONTROL_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "channel/channel.h"

enum {
    CONTROL_CLIENTS_MAX = 64,
    CONTROL_SILENCE_S = 60,
    CONTROL_REFUSALS_LOG_S = 60, /* refusals are one record in this time, with a count */
};

struct keeper;
struct listing;

struct control_client {
    LIST_ENTRY(control_client) link;
    struct channel channel;
    struct event silence;
    struct keeper *keeper;
    struct listing *listing; /* the answer that is being sent; NULL: none */
    uid_t uid;
};

LIST_HEAD(control_client_list, control_client);

struct control {
    struct keeper *keeper;
    struct control_client_list clients;
    unsigned client_count;
    int listen_fd; /* -1: none */
    struct event acceptable;
    struct event pause; /* accepting rests: descriptors were out */
    int64_t refusals;   /* since the last record of them */
    uint64_t refusals_logged_ms;
};

void control_init(struct control *control, struct keeper *keeper);

/* Closes the socket and all clients. */
void control_fini(struct control *control);

/* Takes over a listening socket, in the place of one that was there. 0 or -errno. */
int control_listen(struct control *control, int fd) MUST_USE;

/* Accepts no more. */
void control_stop(struct control *control);

/* Answers. */
void control_client_done(struct control_client *client, uint64_t count);
void control_client_fail(struct control_client *client, const char *sentence);

/* Answers with a list, which this takes over and sends as the client reads. */
void control_client_list(struct control_client *client, struct listing *listing);

#endif
