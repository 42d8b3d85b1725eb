/*
 * A login by certificate that is under way: what its two halves share. impersonate.c has its beginning and
 * its ends, prove.c the exchange with a gate that logs in by itself. Nobody else includes this.
 */
#ifndef POSTERN_BROKER_MASTER_LOGIN_H
#define POSTERN_BROKER_MASTER_LOGIN_H

#include "base/log.h"
#include "broker/broker.h"

enum { PROOF_NONCE_OCTETS = 18 /* 24 characters */ };

enum proof_step {
    PROOF_NONE,
    PROOF_CHALLENGE, /* the backend's challenge is awaited */
    PROOF_DERIVING,
};

struct proof {
    enum proof_step step;
    struct strbuf header;       /* of the first message */
    struct strbuf first;        /* the rest of it */
    struct strbuf nonce;        /* ours, then the backend's, which begins with it */
    struct strbuf auth_message; /* RFC 5802 section 3 */
    struct scram_derivation derivation;
};

struct master_login {
    TAILQ_ENTRY(master_login) link;  /* in its gate's */
    TAILQ_ENTRY(master_login) asked; /* in the broker's, while the keeper is asked */
    bool is_asked;
    struct gate_link *gate;
    struct settings *settings; /* counted */
    const struct listener *listener; /* NULL: there is none of that name */
    uint64_t number;   /* the gate's */
    uint64_t session;
    uint64_t question; /* the keeper's */
    struct endpoint client;
    struct endpoint local;
    struct strbuf login; /* canonical; "" until the certificate was verified */
    struct strbuf client_id;
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
    bool has_fingerprint;
    struct backend_login *backend; /* owned, once the backend is asked */
    struct proof proof;            /* for a backend that is reached by TLS */
    struct event deadline;
    struct grave grave;
};

/* The record of it. outcome, reason: phrases; reason may be NULL. */
void master_login_log(const struct master_login *login, enum log_level level, const char *outcome,
                      const char *reason);

/* Answers that nothing came of it, and ends it. */
void master_login_lack(struct master_login *login, const char *reason);

/* Ends it without an answer. */
void master_login_end(struct master_login *login);

/* Has the gate log in by itself: begins the exchange. */
void prove_begin(struct master_login *login);

/* The gate passes the backend's challenge on. */
void prove_on_challenge(struct master_login *login, struct span message);

/* Wipes what the exchange left. */
void prove_fini(struct proof *proof);

#endif
