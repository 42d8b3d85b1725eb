/*
 * The steps of a login that its two halves share: login.c decides, login_backend.c does. Nobody else
 * includes this.
 */
#ifndef POSTERN_GATE_LOGIN_STEPS_H
#define POSTERN_GATE_LOGIN_STEPS_H

#include "gate/login.h"

/* All is allowed: on to the backend. The session is in SESSION_BACKEND, or refused. */
void login_go_to_backend(struct session *session);

/*
 * The attempt has come to nothing: the answer waits for its time. text: for the client, NULL for none;
 * detail: for the log.
 */
void login_refuse(struct session *session, enum login_outcome outcome, const char *text,
                  const char *detail);

/*
 * The certificate was revoked by us: this connection will not log in by it any more. Refused, unless rules
 * only observe and a password is there.
 */
void login_revoke(struct session *session);

/* Why the client's certificate is refused. */
const char *login_certificate_text(const struct session *session);

#endif
