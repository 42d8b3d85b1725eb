/*
 * What the two halves of a backend login share: login.c holds the socket, its deadlines and the ends;
 * imap_dialogue.c knows what is said on it. Nobody else includes this.
 */
#ifndef POSTERN_BACKEND_LOGIN_STEPS_H
#define POSTERN_BACKEND_LOGIN_STEPS_H

#include "backend/login.h"
#include "protocol/imap_response.h"

enum backend_step {
    STEP_CONNECT,
    STEP_HANDSHAKE,
    STEP_GREETING,
    STEP_STARTTLS,
    STEP_CAPABILITY,
    STEP_CONTINUATION, /* AUTHENTICATE without SASL-IR: "+" is awaited */
    STEP_PROOF,        /* the other half of SCRAM is awaited, from elsewhere */
    STEP_LOGIN,        /* the tagged answer to the credentials */
    STEP_CAPABILITY_AFTER,
    STEP_COUNT,
};

/* What an answer did. */
enum backend_turn {
    TURN_WAIT, /* more must be read */
    TURN_ON,   /* look at the next line, or step */
    TURN_OVER, /* finished, one way or the other */
};

/* Ends the login with that result; always TURN_OVER. */
enum backend_turn backend_finish(struct backend_login *login, enum backend_login_result result);

/*
 * This address does not do: the next is tried, unless it already holds the credentials. Always
 * TURN_OVER.
 */
enum backend_turn backend_fail(struct backend_login *login, const char *problem);

/* Goes to another step, which must be over in ms. */
void backend_enter(struct backend_login *login, enum backend_step step, uint32_t ms);

/* Puts TLS on the socket and goes to STEP_HANDSHAKE. */
enum backend_turn backend_start_handshake(struct backend_login *login);

/* Takes the answer of the step that the login is in. */
enum backend_turn backend_answer(struct backend_login *login, enum imap_response_kind kind,
                                 const struct imap_response *response);

/* Sends the answer to the challenge. */
enum backend_turn backend_say_proof(struct backend_login *login, struct span message);

/* Connected and, where asked for, under TLS: goes on to the capabilities or the login. */
enum backend_turn backend_ready(struct backend_login *login);

#endif
