/*
 * The tokens of IMAP that have a structure of their own (RFC 9051 section 9), read here and nowhere
 * else: imap_reader finds the end of a command with them, imap_command takes it apart with them,
 * and so the two can't disagree about where a quoted string or a literal ends.
 */
#ifndef POSTERN_PROTOCOL_IMAP_TOKEN_H
#define POSTERN_PROTOCOL_IMAP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum { IMAP_LITERAL_DIGITS_MAX = 10 /* 2^32 has ten; more are leading zeros beyond reason */ };

/* ATOM-CHAR: printable ASCII without ( ) { space % * " \ ]. */
bool imap_is_atom_char(uint8_t c);

/* ASTRING-CHAR: also ]. */
bool imap_is_astring_char(uint8_t c);

/* True for 1 to IMAP_TAG_MAX characters that a tag may have. */
bool imap_is_tag(struct span text);

/*
 * Octets of the quoted string at the front, both quotes included; 0 when there is none, or one that
 * is not closed, holds NUL, CR or LF, or escapes something else than " and \.
 */
size_t imap_quoted_length(struct span text) MUST_USE;

struct imap_literal {
    uint64_t size;         /* octets that follow the line end; below 2^32 */
    size_t announced_len;  /* octets of {n} or {n+} itself */
    bool is_synchronising; /* {n}: the client waits for a go-ahead */
};

/* Reads {n} or {n+} off the front of text. False, ret_literal untouched, when it is neither. */
bool imap_literal_parse(struct span text, struct imap_literal *ret_literal) MUST_USE;

#endif
