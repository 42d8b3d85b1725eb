/* Names keys; see key_identity.h. Called from gate/tls_provider.c and broker/keys.c. */
#include "pki/key_identity.h"

#include <openssl/x509.h>

bool key_identify(EVP_PKEY *key, uint8_t ret_identity[KEY_IDENTITY_SIZE])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    bool is_made =
        len > 0 && EVP_Digest(der, (size_t)len, ret_identity, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return is_made;
}
