/*
 * SCRAM-SHA-256 (RFC 5802) by halves: the gate has the connection to the backend, the broker the password.
 * What leaves here opens one exchange for one user: the server's nonce and the user's name are part of what
 * is proven. Called from impersonate.c.
 */
#include <errno.h>
#include <sys/random.h>

#include "base/base64.h"
#include "broker/master_login.h"

void prove_fini(struct proof *proof)
{
    scram_derivation_fini(&proof->derivation);
    strbuf_fini(&proof->header);
    strbuf_fini(&proof->first);
    strbuf_fini(&proof->nonce);
    strbuf_fini(&proof->auth_message);
}

static bool prove_draw_nonce(struct strbuf *nonce)
{
    uint8_t octets[PROOF_NONCE_OCTETS];
    ssize_t got;
    do
        got = getrandom(octets, sizeof octets, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof octets)
        return false;
    base64_encode(span_make(octets, sizeof octets), nonce);
    return !strbuf_failed(nonce);
}

/* The user's name as the backend knows it. */
static struct span prove_user(const struct master_login *login)
{
    struct span user = strbuf_span(&login->login);
    if (login->listener->backend->username == USERNAME_LOCAL)
        user = span_first(user, span_find(user, '@'));
    return user;
}

void prove_begin(struct master_login *login)
{
    struct proof *proof = &login->proof;
    auto_strbuf struct strbuf message = STRBUF(SCRAM_FIRST_MAX);
    strbuf_init(&proof->header, SCRAM_FIRST_MAX);
    strbuf_init(&proof->first, SCRAM_FIRST_MAX);
    strbuf_init(&proof->nonce, SCRAM_NONCE_MAX);
    strbuf_init(&proof->auth_message, 2 * SCRAM_FIRST_MAX + SCRAM_MESSAGE_MAX);
    if (!prove_draw_nonce(&proof->nonce)) {
        master_login_lack(login, "no random octets");
        return;
    }
    scram_append_header(&proof->header, prove_user(login));
    scram_append_first(&proof->first, span_of(login->listener->backend->master_user),
                       strbuf_span(&proof->nonce));
    strbuf_append_span(&message, strbuf_span(&proof->header));
    strbuf_append_span(&message, strbuf_span(&proof->first));
    if (strbuf_failed(&message) || strbuf_failed(&proof->header) || strbuf_failed(&proof->first)) {
        master_login_lack(login, "the names are too long");
        return;
    }
    struct message first = {.type = MESSAGE_scram_first,
                            .scram_first = {.number = login->number,
                                            .login = strbuf_span(&login->login),
                                            .message = strbuf_span(&message)}};
    proof->step = PROOF_CHALLENGE;
    (void)channel_send(&login->gate->channel, &first);
}

/* The keys are derived. */
static void prove_answer(struct scram_derivation *derivation, void *owner)
{
    struct master_login *login = owner;
    struct proof *proof = &login->proof;
    auto_strbuf struct strbuf message = STRBUF(SCRAM_FIRST_MAX);
    auto_strbuf struct strbuf verifier = STRBUF(64);
    scram_append_final(&message, strbuf_span(&proof->header), strbuf_span(&proof->nonce));
    strbuf_append_byte(&proof->auth_message, ',');
    strbuf_append_span(&proof->auth_message, strbuf_span(&message));
    strbuf_append(&message, ",p=");
    if (strbuf_failed(&proof->auth_message) ||
        !scram_prove(derivation, strbuf_span(&proof->auth_message), &message, &verifier)) {
        master_login_lack(login, "no proof can be made");
        return;
    }
    struct message answer = {.type = MESSAGE_scram_proof,
                             .scram_proof = {.number = login->number,
                                             .message = strbuf_span(&message),
                                             .verifier = strbuf_span(&verifier)}};
    master_login_log(login, LOG_INFO, "proven", NULL);
    (void)channel_send(&login->gate->channel, &answer);
    master_login_end(login);
}

void prove_on_challenge(struct master_login *login, struct span message)
{
    struct proof *proof = &login->proof;
    struct scram_challenge challenge;
    if (proof->step != PROOF_CHALLENGE) {
        master_login_lack(login, "a challenge that nobody waits for");
        return;
    }
    if (!scram_parse_challenge(message, strbuf_span(&proof->nonce), &challenge)) {
        master_login_lack(login, "a challenge that is none, or asks for less than 4096 iterations or more than 100000");
        return;
    }
    strbuf_append_span(&proof->auth_message, strbuf_span(&proof->first));
    strbuf_append_byte(&proof->auth_message, ',');
    strbuf_append_span(&proof->auth_message, message);
    strbuf_reset(&proof->nonce);
    strbuf_append_span(&proof->nonce, challenge.nonce);
    proof->step = PROOF_DERIVING;
    if (!scram_derive(&login->gate->broker->derivations, &proof->derivation,
                      secret_span(&login->listener->backend->master_password), &challenge, prove_answer, login))
        master_login_lack(login, "out of memory");
}
