/*
 * Logs users in at backends as master user, for gates that show the user's certificate. A gate is
 * believed in nothing: the certificate and its chain are verified here, the user is who they name, the
 * listener must take a certificate alone, and the keeper is asked whether the device was revoked. The
 * connection, logged in, goes to the gate; the password does not. A connection under TLS can't be handed
 * over: there the gate logs in by SCRAM-SHA-256, and gets what proves the password for this user and this
 * exchange alone. Every such login is an event.
 *
 * What a gate may have under way is bounded in number and in time. Nothing here waits: signatures are
 * made while backends think.
 */
#ifndef POSTERN_BROKER_IMPERSONATE_H
#define POSTERN_BROKER_IMPERSONATE_H

#include <stdint.h>
#include <sys/queue.h>

#include "channel/message.h"

struct broker;
struct gate_link;
struct master_login;
TAILQ_HEAD(master_login_list, master_login);

/* Begins; the gate is answered unless it cancels. */
void impersonate_begin(struct gate_link *link, const struct message_master_login *ask);

/* Under way towards a backend that is reached by TLS: what that said. */
void impersonate_on_challenge(struct gate_link *link, const struct message_scram_challenge *challenge);

/* Nobody waits for that one any more. Nothing when it was answered already. */
void impersonate_cancel(struct gate_link *link, uint64_t number);

/* The gate is gone: all that it waited for ends. */
void impersonate_drop_all(struct gate_link *link);

/* The keeper has answered. */
void impersonate_on_device(struct broker *broker, const struct message_device_answer *answer);

/* What waits for the keeper fails. */
void impersonate_on_keeper_gone(struct broker *broker);

#endif
