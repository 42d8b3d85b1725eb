/* Derives SCRAM's keys in slices and makes proofs of them; see scram.h. Called from prove.c. */
#include "broker/scram.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/base64.h"
#include "base/invariant.h"

enum { SCRAM_SLICE = 1024 /* iterations before others get their turn: half a millisecond */ };

static EVP_MAC_CTX *scram_hmac_new(struct span key)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (context != NULL && EVP_MAC_init(context, key.at, key.len, parameters) == 1)
        return context;
    EVP_MAC_CTX_free(context);
    ERR_clear_error();
    return NULL;
}

/* One HMAC with the key that the context has. */
static bool scram_hmac_again(EVP_MAC_CTX *context, struct span text, uint8_t ret_hash[SCRAM_HASH_SIZE])
{
    size_t len = 0;
    return EVP_MAC_init(context, NULL, 0, NULL) == 1 && EVP_MAC_update(context, text.at, text.len) == 1 &&
           EVP_MAC_final(context, ret_hash, &len, SCRAM_HASH_SIZE) == 1 && len == SCRAM_HASH_SIZE;
}

static bool scram_hmac(const uint8_t key[SCRAM_HASH_SIZE], struct span text,
                       uint8_t ret_hash[SCRAM_HASH_SIZE])
{
    return HMAC(EVP_sha256(), key, SCRAM_HASH_SIZE, text.at, text.len, ret_hash, NULL) != NULL;
}

static void scram_xor(uint8_t to[SCRAM_HASH_SIZE], const uint8_t with[SCRAM_HASH_SIZE])
{
    for (size_t i = 0; i < SCRAM_HASH_SIZE; i++)
        to[i] ^= with[i];
}

/* --- Deriving: PBKDF2 with one block (RFC 8018 section 5.2) ------------------------------------------- */

static void scram_leave(struct scram_derivation *derivation)
{
    if (derivation->queue != NULL)
        TAILQ_REMOVE(&derivation->queue->waiting, derivation, link);
    derivation->queue = NULL;
    EVP_MAC_CTX_free(derivation->hmac);
    derivation->hmac = NULL;
}

static void scram_run_slice(struct scram_derivation *derivation)
{
    for (unsigned i = 0; i < SCRAM_SLICE && derivation->left > 0; i++, derivation->left--) {
        struct span last = span_make(derivation->last, sizeof derivation->last);
        invariant(scram_hmac_again(derivation->hmac, last, derivation->last));
        scram_xor(derivation->salted, derivation->last);
    }
}

static void scram_on_turn(evutil_socket_t fd, short what, void *argument)
{
    const struct timeval at_once = {.tv_sec = 0};
    struct scram_queue *queue = argument;
    struct scram_derivation *derivation = TAILQ_FIRST(&queue->waiting);
    (void)fd;
    (void)what;
    if (derivation == NULL)
        return;
    scram_run_slice(derivation);
    if (derivation->left == 0) {
        scram_leave(derivation);
        derivation->done(derivation, derivation->owner);
    }
    if (!TAILQ_EMPTY(&queue->waiting))
        (void)event_add(&queue->turn, &at_once);
}

void scram_queue_init(struct scram_queue *queue, struct event_base *loop)
{
    TAILQ_INIT(&queue->waiting);
    invariant(event_assign(&queue->turn, loop, -1, 0, scram_on_turn, queue) == 0);
}

void scram_queue_fini(struct scram_queue *queue)
{
    (void)event_del(&queue->turn);
}

bool scram_derive(struct scram_queue *queue, struct scram_derivation *derivation, struct span password,
                  const struct scram_challenge *challenge, scram_done_fn *done, void *owner)
{
    static const uint8_t first_block[] = {0, 0, 0, 1};
    const struct timeval at_once = {.tv_sec = 0};
    uint8_t salt[SCRAM_SALT_MAX + sizeof first_block];
    memcpy(salt, challenge->salt, challenge->salt_len);
    memcpy(salt + challenge->salt_len, first_block, sizeof first_block);
    *derivation = (struct scram_derivation){.hmac = scram_hmac_new(password),
                                            .left = challenge->iterations - 1,
                                            .done = done,
                                            .owner = owner};
    if (derivation->hmac == NULL ||
        !scram_hmac_again(derivation->hmac, span_make(salt, challenge->salt_len + sizeof first_block),
                          derivation->last)) {
        scram_leave(derivation);
        return false;
    }
    memcpy(derivation->salted, derivation->last, sizeof derivation->salted);
    derivation->queue = queue;
    TAILQ_INSERT_TAIL(&queue->waiting, derivation, link);
    (void)event_add(&queue->turn, &at_once);
    return true;
}

void scram_derivation_fini(struct scram_derivation *derivation)
{
    scram_leave(derivation);
    explicit_bzero(derivation, sizeof *derivation);
}

/* --- Proving ------------------------------------------------------------------------------------------- */

bool scram_prove(const struct scram_derivation *derivation, struct span auth_message, struct strbuf *proof,
                 struct strbuf *verifier)
{
    uint8_t client_key[SCRAM_HASH_SIZE];
    uint8_t server_key[SCRAM_HASH_SIZE];
    uint8_t stored_key[SCRAM_HASH_SIZE];
    uint8_t signature[SCRAM_HASH_SIZE];
    bool is_made = scram_hmac(derivation->salted, SPAN("Client Key"), client_key) &&
                   SHA256(client_key, sizeof client_key, stored_key) != NULL &&
                   scram_hmac(stored_key, auth_message, signature);
    if (is_made) {
        scram_xor(client_key, signature);
        base64_encode(span_make(client_key, sizeof client_key), proof);
    }
    is_made = is_made && scram_hmac(derivation->salted, SPAN("Server Key"), server_key) &&
              scram_hmac(server_key, auth_message, signature);
    if (is_made) {
        strbuf_append(verifier, "v=");
        base64_encode(span_make(signature, sizeof signature), verifier);
    }
    explicit_bzero(client_key, sizeof client_key);
    explicit_bzero(server_key, sizeof server_key);
    explicit_bzero(stored_key, sizeof stored_key);
    ERR_clear_error();
    return is_made && !strbuf_failed(proof) && !strbuf_failed(verifier);
}
