/* Which key is meant, between processes: SHA-256 of the SubjectPublicKeyInfo. */
#ifndef POSTERN_PKI_KEY_IDENTITY_H
#define POSTERN_PKI_KEY_IDENTITY_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

enum { KEY_IDENTITY_SIZE = 32 };

/* False when memory is out. */
bool key_identify(EVP_PKEY *key, uint8_t ret_identity[KEY_IDENTITY_SIZE]) MUST_USE;

#endif
