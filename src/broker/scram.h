/*
 * The keys of a SCRAM-SHA-256 exchange (RFC 5802 section 3). Deriving them from the password takes as many
 * hashes as the server says, some tens of milliseconds: it is done in slices, one login's at a time, so that
 * nobody's signature waits for it.
 */
#ifndef POSTERN_BROKER_SCRAM_H
#define POSTERN_BROKER_SCRAM_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "protocol/scram_message.h"

enum { SCRAM_HASH_SIZE = 32 };

struct scram_derivation;
typedef void scram_done_fn(struct scram_derivation *derivation, void *owner);

/* SaltedPassword, while it is derived and after. All zero: none is under way. */
struct scram_derivation {
    TAILQ_ENTRY(scram_derivation) link;
    struct scram_queue *queue; /* NULL: not waiting */
    EVP_MAC_CTX *hmac;         /* with the password as its key; NULL once done */
    uint32_t left;             /* iterations */
    uint8_t last[SCRAM_HASH_SIZE];
    uint8_t salted[SCRAM_HASH_SIZE];
    scram_done_fn *done;
    void *owner;
};

struct scram_queue {
    struct event turn;
    TAILQ_HEAD(, scram_derivation) waiting;
};

void scram_queue_init(struct scram_queue *queue, struct event_base *loop);
void scram_queue_fini(struct scram_queue *queue);

/* Begins; done follows from the loop. False when memory is out. */
bool scram_derive(struct scram_queue *queue, struct scram_derivation *derivation, struct span password,
                  const struct scram_challenge *challenge, scram_done_fn *done, void *owner) MUST_USE;

/* Leaves the queue and wipes. */
void scram_derivation_fini(struct scram_derivation *derivation);

/*
 * Appends ClientProof, and "v=" with the ServerSignature that the server must show, both in base64, for this
 * AuthMessage. False when memory is out.
 */
bool scram_prove(const struct scram_derivation *derivation, struct span auth_message, struct strbuf *proof,
                 struct strbuf *verifier) MUST_USE;

#endif
