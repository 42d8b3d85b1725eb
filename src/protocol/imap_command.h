/*
 * Takes apart one command that imap_reader found (RFC 9051 section 9, formal syntax). Pure; spans
 * point into the command, but for quoted strings with escapes, which are unquoted into the caller's
 * buffer.
 */
#ifndef POSTERN_PROTOCOL_IMAP_COMMAND_H
#define POSTERN_PROTOCOL_IMAP_COMMAND_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum {
    IMAP_TAG_MAX = 64,
    IMAP_ID_PAIRS_MAX = 30,       /* RFC 2971 section 3.3 */
    IMAP_ID_PAIRS_OURS = 5,       /* of these, that are added in front of the client's for a backend */
    IMAP_ID_KEY_MAX = 30,
    IMAP_ID_VALUE_MAX = 1024,
};

struct imap_command {
    struct span tag;       /* 1 to IMAP_TAG_MAX tag characters */
    struct span name;      /* letters, digits and other atom characters, as typed */
    struct span arguments; /* what follows the space after the name; SPAN_NONE when nothing does */
};

/*
 * Splits off tag and name. On failure ret_command->tag is set when a good tag was read (for a
 * tagged BAD), else SPAN_NONE.
 */
bool imap_command_split(struct span text, struct imap_command *ret_command) MUST_USE;

/*
 * Reads one astring (atom, quoted string, literal {n} CRLF octets, or literal {n+}) off the front
 * of *arguments, and the one space after it if more follows (a space with nothing after it is an
 * error). The value lies in the command or was appended to scratch (which the caller wipes: it may
 * be a password). The values of one command may share a scratch: it is made large enough at its
 * first use, so earlier values stay where they are. False when there is none, or scratch is full.
 */
bool imap_take_astring(struct span *arguments, struct strbuf *scratch,
                       struct span *ret_value) MUST_USE;

/* Reads one atom (no quotes, no literal) in the same way: mechanism names, initial responses. */
bool imap_take_atom(struct span *arguments, struct span *ret_value) MUST_USE;

struct imap_id_pair {
    struct span key;
    struct span value; /* SPAN_NONE for NIL */
};

/*
 * Reads the whole argument of ID: NIL or a parenthesised list of at most IMAP_ID_PAIRS_MAX pairs,
 * keys at most IMAP_ID_KEY_MAX, values IMAP_ID_VALUE_MAX octets. False on anything else, a doubled
 * key among them; ret_pairs is then of no use.
 */
bool imap_parse_id(struct span arguments, struct strbuf *scratch,
                   struct imap_id_pair ret_pairs[IMAP_ID_PAIRS_MAX], size_t *ret_count) MUST_USE;

/* True when value is printable ASCII: it is written in quotes, which every server reads. */
bool imap_fits_quotes(struct span value);

/*
 * Appends value as a quoted string, or as a literal {n+} when it needs one (control characters, 8
 * bit). The caller sends no literal to a server without LITERAL+: what follows {n+} would be a
 * command to it. A NUL can't be said in IMAP: buf fails.
 */
void imap_append_string(struct strbuf *buf, struct span value);

/*
 * Appends a client's pairs as they may go on to a backend, each with a space behind it: without those
 * that a backend would believe from us (x-originating-ip and its like), and without what does not fit
 * into quotes, since a literal's octets would be commands to a backend without LITERAL+. At most
 * IMAP_ID_PAIRS_MAX - IMAP_ID_PAIRS_OURS; those behind them are left out.
 */
void imap_append_client_id(struct strbuf *buf, const struct imap_id_pair *pairs, size_t count);

#endif
