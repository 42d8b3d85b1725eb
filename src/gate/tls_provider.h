/*
 * An OpenSSL provider for private keys that another process holds. A key of it is the public half of a
 * certificate; to sign is to ask the broker. There is no other operation, so nothing can be decrypted
 * with it, and it can't be exported, so that no other provider tries to sign without it.
 *
 * It lives in a library context of its own: names such as RSA mean OpenSSL's own code everywhere else.
 */
#ifndef POSTERN_GATE_TLS_PROVIDER_H
#define POSTERN_GATE_TLS_PROVIDER_H

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/attributes.h"
#include "gate/signer.h"

struct tls_provider {
    OSSL_LIB_CTX *library;
    OSSL_PROVIDER *provider;
    struct signer *signer;
};

/* False when OpenSSL has no memory for it. signer must outlive every key. */
bool tls_provider_init(struct tls_provider *provider, struct signer *signer) MUST_USE;
void tls_provider_fini(struct tls_provider *provider);

/* A key that signs for the certificate with this public key. NULL for kinds that TLS does not have. */
EVP_PKEY *tls_provider_key(const struct tls_provider *provider, EVP_PKEY *public_key) MUST_USE;

#endif
