/*
 * Logins that the broker does for the gate's sessions, since it has the master users' passwords: a session
 * that has proven a certificate waits here for its connection to the backend. As many as the broker takes
 * are under way, the others wait in their order; each is bounded by its session's deadline.
 */
#ifndef POSTERN_GATE_MASTER_LOGIN_H
#define POSTERN_GATE_MASTER_LOGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "channel/message.h"

struct gate;
struct session;

enum master_login_state {
    MASTER_LOGIN_NONE, /* the zero: on no list */
    MASTER_LOGIN_WAITING,
    MASTER_LOGIN_ASKED,
};

/* Embedded in a session's login. */
struct master_login {
    TAILQ_ENTRY(master_login) link;
    struct session *session;
    enum master_login_state state;
    uint64_t number; /* once asked */
};

TAILQ_HEAD(master_login_list, master_login);

struct master_logins {
    struct master_login_list waiting;
    struct master_login_list asked;
    uint32_t asked_count;
    uint64_t last_number;
};

void master_logins_init(struct master_logins *logins);

/* Begins for a session in SESSION_BACKEND; the end comes to login_on_master_login(). False: no broker. */
bool master_login_begin(struct session *session) MUST_USE;

/* Nobody waits any more. Nothing where none is under way. */
void master_login_cancel(struct session *session);

/* The broker takes more. */
void master_logins_go_on(struct gate *gate);

/* The broker has answered; a descriptor that nobody waits for stays in the message, to be closed. */
void master_logins_on_done(struct gate *gate, struct message_master_login_done *done);

/* Where the gate logs in by itself: the broker's words for the backend. */
void master_logins_on_scram_first(struct gate *gate, const struct message_scram_first *first);
void master_logins_on_scram_proof(struct gate *gate, const struct message_scram_proof *proof);

/* What the backend said goes to the broker. */
void master_login_challenge(struct session *session, struct span challenge);

/* The broker is gone: whoever waits for it hears so. */
void master_logins_lose(struct gate *gate);

#endif
