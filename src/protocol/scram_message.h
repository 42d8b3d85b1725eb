/*
 * The messages of SCRAM-SHA-256 (RFC 5802, RFC 7677) as the client reads and writes them, decoded from
 * base64 already. Pure; spans point into the message. The hashes are the caller's.
 */
#ifndef POSTERN_PROTOCOL_SCRAM_MESSAGE_H
#define POSTERN_PROTOCOL_SCRAM_MESSAGE_H

#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum {
    SCRAM_MESSAGE_MAX = 1024,      /* what a server may send; a hundred octets are usual */
    SCRAM_FIRST_MAX = 2048,        /* what we write: two names, each octet of which may take three */
    SCRAM_NONCE_MAX = 256,
    SCRAM_SALT_MAX = 128,          /* decoded */
    SCRAM_ITERATIONS_MIN = 4096,   /* RFC 7677 section 4: fewer would ease guessing from a proof */
    SCRAM_ITERATIONS_MAX = 100000,
};

/* Appends "n,a=authorization,": no channel binding, and on whose behalf. */
void scram_append_header(struct strbuf *buf, struct span authorization);

/* Appends "n=name,r=nonce". */
void scram_append_first(struct strbuf *buf, struct span name, struct span nonce);

struct scram_challenge {
    struct span nonce; /* begins with ours, and is longer */
    uint8_t salt[SCRAM_SALT_MAX];
    size_t salt_len;
    uint32_t iterations;
};

/*
 * "r=nonce,s=salt,i=iterations" with extensions behind it, which are passed over. False for anything else:
 * another's nonce, a salt that is none, iterations out of bounds, the mandatory extension "m=".
 */
bool scram_parse_challenge(struct span message, struct span our_nonce,
                           struct scram_challenge *ret_challenge) MUST_USE;

/* Appends "c=header,r=nonce", header being what scram_append_header() wrote. */
void scram_append_final(struct strbuf *buf, struct span header, struct span nonce);

#endif
