/*
 * A gate in this process, between a client and a backend that the test plays: all on one event loop,
 * so that a transcript can be fed in pieces of any size and every step can be waited for.
 */
#ifndef POSTERN_TESTS_WIRE_RIG_H
#define POSTERN_TESTS_WIRE_RIG_H

#include <event2/event.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/strbuf.h"
#include "channel/channel.h"
#include "rig_broker.h"

struct gate;

/* What a transcript sets before its first step. */
struct rig_options {
    uint8_t tls;          /* enum config_listener_tls */
    const char *login;    /* alternatives, one a line */
    uint8_t identify;     /* enum config_identify */
    const char *master;   /* master user; "" for none */
    bool has_certificate; /* the client shows alice@example.org's */
    bool preauth;
};

/* One end of a conversation that the test plays. */
struct rig_peer {
    int fd;   /* -1: not connected, or closed */
    SSL *tls; /* NULL: in clear */
    bool has_ended; /* the gate closed it */
    struct strbuf received;
};

struct rig {
    struct event_base *loop;
    struct gate *gate;
    struct channel supervisor; /* our ends */
    struct channel keeper;
    pthread_t signing; /* plays the broker's other half */
    struct rig_broker broker;
    SSL_CTX *client_context;
    int backend_socket;
    struct rig_peer client;
    struct rig_peer backend;
    int keeper_answer;  /* enum login_answer_code; -1: no answer */
    bool is_configured;
    bool is_refused;
};

/* Starts a gate with these options and connects the client. Ends the test program when it can't. */
void rig_start(struct rig *rig, const struct rig_options *options);
void rig_stop(struct rig *rig);

/* Lets everything run that can run now, and takes in what was sent to us. */
void rig_turn(struct rig *rig);

/* Sends all of it; the gate runs meanwhile. False when the other side is closed. */
bool rig_send(struct rig *rig, struct rig_peer *peer, struct span octets);

/* Does the client's TLS handshake. False when it fails. */
bool rig_handshake(struct rig *rig);

/* The keeper goes away: its channel closes. */
void rig_drop_keeper(struct rig *rig);

#endif
