/*
 * Watches the client's side of a relayed IMAP session for the one thing that must not pass: a
 * command that gives up the login (UNAUTHENTICATE, RFC 8437), after which the rest of the session
 * could log in as anybody at the backend with the gate's address. Also watches for COMPRESS (RFC
 * 4978), after which nothing can be watched, unless the backend is known to have no UNAUTHENTICATE.
 *
 * Every line is looked at, whether or not it seems to lie in a literal. Where a literal ends is the
 * backend's decision, not the client's: Dovecot reads what follows an unknown command's {n+}, or a
 * refused APPEND's {n}, as commands, so a guard that skips literals is walked around with one. The
 * price is that a message with such a line in it (a word, then UNAUTHENTICATE as a whole word; a
 * word, then COMPRESS DEFLATE) can't be uploaded.
 *
 * Resumable, keeps no text: a few octets of state a session, a few cycles an octet at most.
 */
#ifndef POSTERN_PROTOCOL_IMAP_GUARD_H
#define POSTERN_PROTOCOL_IMAP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum imap_guard_verdict {
    IMAP_GUARD_PASS,
    IMAP_GUARD_UNAUTHENTICATE, /* such a command begins in these bytes: end the session */
    IMAP_GUARD_COMPRESS,       /* COMPRESS was asked for */
};

struct imap_guard {
    uint8_t state;
    uint8_t word;    /* which word is being compared */
    uint8_t matched; /* octets of it seen */
    uint8_t verdict; /* once it is not PASS it stays */
    bool may_compress;
};

/* may_compress: COMPRESS passes like any other command. */
void imap_guard_init(struct imap_guard *guard, bool may_compress);

/*
 * Looks at the next octets of the client. The verdict is given for the chunk in which the octet
 * after the command (for COMPRESS: after its argument, or at its quote or brace) lies, before that
 * chunk is relayed: the backend never gets the end of the line, without which it does nothing.
 */
enum imap_guard_verdict imap_guard_watch(struct imap_guard *guard, struct span octets) MUST_USE;

#endif
