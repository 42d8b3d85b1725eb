/*
 * The private keys of the server's certificates. Two generations are kept: while gates change over to
 * a new configuration, those that have not yet ask for signatures with the former one's keys.
 */
#ifndef POSTERN_BROKER_KEYS_H
#define POSTERN_BROKER_KEYS_H

#include <openssl/evp.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "pki/key_identity.h"

enum { KEYS_MAX = 64 };

struct keys {
    struct {
        EVP_PKEY *key;
        uint8_t identity[KEY_IDENTITY_SIZE];
    } at[KEYS_MAX];
    size_t count;
};

/* Reads a PEM key that must fit the PEM certificate. False with the reason in why. */
bool keys_add(struct keys *keys, int certificate_fd, int key_fd, struct strbuf *why) MUST_USE;

/* NULL when it is none of these. */
EVP_PKEY *keys_find(const struct keys *keys, const uint8_t identity[KEY_IDENTITY_SIZE]);

/* Wipes and frees all. */
void keys_fini(struct keys *keys);

#endif
