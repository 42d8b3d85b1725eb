/*
 * A login attempt, whatever the protocol: from what the client brought (name, password, token,
 * certificate) to let in or refuse. Called by the protocol's commands; goes to the keeper, then to the
 * backend; answers through the protocol. Every refusal takes the same time and says nothing about
 * whether the user exists.
 */
#ifndef POSTERN_GATE_LOGIN_H
#define POSTERN_GATE_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "channel/message.h"
#include "gate/master_login.h"
#include "protocol/sasl.h"

struct admission;
struct backend_login;
struct login_rule;
struct session;

/* How a login came to nothing, for the protocol's reply. */
enum login_outcome {
    LOGIN_REFUSED,             /* wrong, and no more is said */
    LOGIN_CERTIFICATE_REFUSED, /* the certificate is bad: text says how */
    LOGIN_CERTIFICATE_NEEDED,  /* the listener's rule needs one */
    LOGIN_NOT_OFFERED,         /* no rule of the listener takes what was brought */
    LOGIN_NAME_DIFFERS,        /* certificate and name are not the same user */
    LOGIN_UNAVAILABLE,         /* backend or keeper away: not the user's fault */
    LOGIN_LIMIT,               /* too many sessions */
    LOGIN_OUTCOME_COUNT,
};

/* What the client said. Spans are only used during login_begin. */
struct login_request {
    enum sasl_mechanism mechanism; /* PLAIN also for LOGIN commands; EXTERNAL also for PREAUTH */
    struct sasl_credentials credentials;
};

struct login {
    struct admission *admission;    /* owned, while a login is under way */
    struct backend_login *backend;  /* owned, in SESSION_BACKEND */
    struct master_login master;     /* in SESSION_BACKEND, where the broker logs in */
    struct strbuf scram_first;      /* the broker's words for the backend */
    struct secret secret;           /* password or token for the backend */
    enum sasl_mechanism mechanism;  /* towards the backend; EXTERNAL: as master user */
    enum login_outcome outcome;     /* in SESSION_DELAY: what will be answered */
    const char *text;               /* and the explanation */
    const struct login_rule *rule;  /* of this user (user_rule.h); NULL: none */
    uint64_t begun_ms;
    uint64_t name_hash;             /* stands for the typed name in the log */
    bool is_asked;                  /* the keeper counts this session */
    bool is_prompt;                 /* the answer does not wait: the listener observes */
    unsigned observed;              /* bits of enum rule that would have refused (verdict.c) */
};

/* True when some rule of the listener can be met with what is there by this mechanism. */
bool login_offers(const struct session *session, enum sasl_mechanism mechanism);

/* Begins; the session is in another phase when this returns. */
void login_begin(struct session *session, const struct login_request *request);

/* The keeper has answered. */
void login_on_answer(struct session *session, const struct message_login_answer *answer);

/* The keeper is gone: a login that waits for it fails as unavailable. */
void login_on_keeper_gone(struct session *session);

/* The broker has logged in as master user, or could not. Takes the socket out of done. */
void login_on_master_login(struct session *session, struct message_master_login_done *done);

/* The backend is reached by TLS: the login goes on there, with the broker's half of the exchange. */
void login_on_scram_first(struct session *session, const struct message_scram_first *first);
void login_on_scram_proof(struct session *session, const struct message_scram_proof *proof);

/* The keeper or the backend took too long. */
void login_on_timeout(struct session *session);

/* The time of a refusal has come: says it. */
void login_answer_now(struct session *session);

/* Frees what an attempt holds; secrets are wiped. */
void login_reset(struct session *session);

#endif
