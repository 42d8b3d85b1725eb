/* What the two files of the IMAP dialogue before login share. */
#ifndef POSTERN_GATE_IMAP_SESSION_H
#define POSTERN_GATE_IMAP_SESSION_H

#include "gate/session.h"
#include "protocol/imap_command.h"

/* Appends "TAG status text CRLF" for the command that is being answered. */
void imap_answer(struct session *session, const char *status, const char *text);

/* The AUTHENTICATE command (imap_authenticate.c). */
void imap_on_authenticate(struct session *session, struct span arguments);

/* A line that answers a challenge. */
void imap_on_sasl_line(struct session *session, struct span line);

#endif
