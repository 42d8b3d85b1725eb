/*
 * Certificate requests (PKCS#10, RFC 2986): what a device sends whose private key never leaves it. All
 * that is taken from one is its public key. The names and extensions that it asks for are never looked
 * at: a certificate says what its authority says.
 *
 * A request comes from somebody else's machine, so its bytes are as hostile as those of the internet:
 * its size is bounded, and so is the size of the key, which every later login has to compute with.
 */
#ifndef POSTERN_PKI_CERTIFICATE_REQUEST_H
#define POSTERN_PKI_CERTIFICATE_REQUEST_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum {
    CERTIFICATE_REQUEST_MAX = 32768, /* octets of the file; with 4096-bit RSA in PEM some 1,700 */
    CERTIFICATE_REQUEST_RSA_BITS_MIN = 2048,
    CERTIFICATE_REQUEST_RSA_BITS_MAX = 8192, /* 64 times the work of 2048 bits for who signs by it */
};

/*
 * The public key of the request in octets, which are PEM (text before and after it is skipped) or DER
 * and hold this request alone. The request must be signed by the key, which so proves that its sender
 * has it, and the key be RSA of CERTIFICATE_REQUEST_RSA_BITS_MIN to _MAX bits, P-256, P-384, P-521
 * or Ed25519. NULL, with a sentence appended to ret_error, otherwise; the caller frees the key.
 */
EVP_PKEY *certificate_request_key(struct span octets, struct strbuf *ret_error) MUST_USE;

/* The same of a file, which may be open to others, or a pipe. */
EVP_PKEY *certificate_request_read(const char *path, struct strbuf *ret_error) MUST_USE;

#endif
