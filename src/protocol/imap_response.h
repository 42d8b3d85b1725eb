/*
 * Reads what an IMAP backend says between connecting and the login's tagged answer, a line at a
 * time (RFC 9051 section 7). Pure and resumable. A backend is trusted more than a client but not
 * blindly: lines are bounded, a literal or a NUL in a line before login is an error.
 */
#ifndef POSTERN_PROTOCOL_IMAP_RESPONSE_H
#define POSTERN_PROTOCOL_IMAP_RESPONSE_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum {
    IMAP_RESPONSE_MAX = 16384, /* one line: the longest are CAPABILITY lists */
};

enum imap_response_kind {
    IMAP_RESPONSE_MORE,         /* no whole line yet */
    IMAP_RESPONSE_TAGGED,       /* tag status text */
    IMAP_RESPONSE_UNTAGGED,     /* "* OK", "* BYE", "* PREAUTH", "* CAPABILITY", … */
    IMAP_RESPONSE_CONTINUATION, /* "+ text" */
    IMAP_RESPONSE_MALFORMED,
};

enum imap_status {
    IMAP_STATUS_NONE,
    IMAP_STATUS_OK,
    IMAP_STATUS_NO,
    IMAP_STATUS_BAD,
    IMAP_STATUS_BYE,
    IMAP_STATUS_PREAUTH,
};

struct imap_response {
    struct span tag; /* TAGGED */
    enum imap_status status;
    struct span code; /* what stands in [ ] after the status: "CAPABILITY …"; else SPAN_NONE */
    struct span text; /* the rest: human text, challenge, or "CAPABILITY …" */
};

/*
 * Reads one line off the front of *input (CRLF or LF), without copying: spans point into input,
 * whose owner keeps incomplete lines and gives them again with more. MORE and MALFORMED leave
 * *input and *ret_response alone; IMAP_RESPONSE_MAX octets without a line end are MALFORMED. What
 * follows the line stays in *input: where nothing may follow (STARTTLS), the caller looks.
 */
enum imap_response_kind imap_response_take(struct span *input,
                                           struct imap_response *ret_response) MUST_USE;

/* The list after CAPABILITY in a code or an untagged response; SPAN_NONE when it is none. */
struct span imap_response_capabilities(const struct imap_response *response);

/* True when the list holds that capability (case-insensitively, whole word). */
bool imap_capability_has(struct span capabilities, struct span name);

/*
 * Appends the list as a client may see it after login: without STARTTLS, LOGINDISABLED, AUTH=…,
 * SASL-IR, UNAUTHENTICATE, LOGIN-REFERRALS, MAILBOX-REFERRALS, and what is no capability atom:
 * nothing in the list can end the bracket or line it is put into. Beside UNAUTHENTICATE, COMPRESS=…
 * is left out too: imap_guard.h says why.
 */
void imap_capability_filter(struct span capabilities, struct strbuf *buf);

#endif
