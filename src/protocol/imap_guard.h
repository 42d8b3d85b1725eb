/*
 * Watches the client's side of a relayed IMAP session for the one thing that must not pass: a command
 * that gives up the login (UNAUTHENTICATE, RFC 8437), after which the rest of the session could log in
 * as anybody at the backend with the gate's address. Also watches for COMPRESS (RFC 4978), after
 * which nothing can be watched. Resumable, keeps no text: a few octets of state a session, memchr speed
 * inside long lines and literals.
 */
#ifndef POSTERN_PROTOCOL_IMAP_GUARD_H
#define POSTERN_PROTOCOL_IMAP_GUARD_H

#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum imap_guard_verdict {
    IMAP_GUARD_PASS,
    IMAP_GUARD_UNAUTHENTICATE, /* such a command begins in these bytes: end the session */
    IMAP_GUARD_COMPRESS,       /* COMPRESS was asked for */
};

struct imap_guard { /* at most 40 octets */
    uint64_t literal_left;
    uint8_t state;
    uint8_t matched;  /* octets of the command name seen */
    uint8_t literal_digits;
    char name[16];
};

void imap_guard_init(struct imap_guard *guard);

/*
 * Looks at the next octets of the client. The verdict is given for the chunk in which the command
 * name ends, before that chunk is relayed, so that the backend never gets the whole name.
 */
enum imap_guard_verdict imap_guard_watch(struct imap_guard *guard, struct span octets) MUST_USE;

#endif
