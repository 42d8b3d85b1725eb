/* Gives a context the means to sign for its certificate; see tls_key.h. */
#include "gate/tls_key.h"

#include <openssl/err.h>

#include "gate/tls_provider.h"

bool tls_key_install(SSL_CTX *context, const struct tls_provider *provider, struct strbuf *why)
{
    EVP_PKEY *key =
        tls_provider_key(provider, X509_get0_pubkey(SSL_CTX_get0_certificate(context)));
    bool fits = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1 &&
                SSL_CTX_check_private_key(context) == 1;
    if (!fits)
        strbuf_append(why, "its key is of a kind that can't be used here; make one of EC, RSA or Ed25519");
    EVP_PKEY_free(key);
    ERR_clear_error();
    return fits;
}
