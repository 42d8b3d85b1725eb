/*
 * Signatures of the server's certificates, made by the broker. A handshake waits for its signature,
 * and the whole gate with it, so the wait is bounded: once an answer has not come in time, nobody
 * waits again until it has come. The broker answers in the order of the questions, so that a late
 * answer is a sign of life and nothing else.
 */
#ifndef POSTERN_GATE_SIGNER_H
#define POSTERN_GATE_SIGNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "channel/message.h"

enum {
    SIGNER_WAIT_MS = 1000, /* a signature takes 0.1 ms, with RSA 2 ms */
    SIGNER_SIGNATURE_MAX = 1024,
};

struct signer {
    int fd; /* -1 while there is no broker */
    uint64_t asked;
    uint64_t answered;
    bool is_failing; /* logged already */
    uint8_t packet[MESSAGE_PACKET_MAX];
};

/* No broker yet. */
void signer_init(struct signer *signer);
void signer_fini(struct signer *signer);

/* Takes over the channel to a (new) broker. */
void signer_join(struct signer *signer, int fd);

/*
 * Asks; number is set here. False when there is no broker, or it refused or did not answer in time.
 * ret_signature lives until the next call.
 */
bool signer_sign(struct signer *signer, struct message *ask, struct span *ret_signature) MUST_USE;

#endif
