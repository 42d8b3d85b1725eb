/*
 * Which authority issued a certificate, and under which number: what a revocation list says of it. Names
 * are compared as RFC 5280 section 7.1 has it: case, spaces and kind of string make no difference.
 */
#ifndef POSTERN_PKI_ISSUER_H
#define POSTERN_PKI_ISSUER_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum {
    ISSUER_HASH_SIZE = 32, /* SHA-256 */
    SERIAL_MAX = 20,       /* RFC 5280 section 4.1.2.2 */
};

/* An authority that changes its key keeps its name; only both together say which list counts. */
struct issuer {
    uint8_t name[ISSUER_HASH_SIZE]; /* of the canonical name */
    uint8_t key[ISSUER_HASH_SIZE];  /* of the public key */
};

/* False when memory is out. */
bool issuer_hash_name(const X509_NAME *name, uint8_t ret_hash[ISSUER_HASH_SIZE]) MUST_USE;

/* The authority that this certificate is of. False when memory is out. */
bool issuer_identify(const X509 *authority, struct issuer *ret_issuer) MUST_USE;

/*
 * The octets of a serial number, big-endian, without zeros before it; they stay the integer's. False
 * for a negative one, or one that is longer than the RFC allows.
 */
bool serial_read(const ASN1_INTEGER *integer, struct span *ret_serial) MUST_USE;

#endif
