/* Takes in private keys; see keys.h. Called from broker.c. */
#include "broker/keys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/file_read.h"
#include "pki/pem_file.h"

/* Keys of daemons have no passphrase: nobody is there to type it. */
static int no_passphrase(char *at, int size, int is_writing, void *argument)
{
    (void)at;
    (void)size;
    (void)is_writing;
    (void)argument;
    return 0;
}

static EVP_PKEY *key_read(int fd, struct strbuf *why)
{
    auto_strbuf_wipe struct strbuf pem = STRBUF(PEM_FILE_MAX);
    if (!file_read(fd, &pem)) {
        strbuf_append(why, "the key can't be read, or is larger than a key is");
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(strbuf_text(&pem), (int)pem.len);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (key == NULL)
        strbuf_append(why, "its key is no PEM private key without a passphrase");
    return key;
}

/* Takes over the key. */
static bool keys_take(struct keys *keys, X509 *certificate, EVP_PKEY *key, struct strbuf *why)
{
    if (keys->count == KEYS_MAX)
        strbuf_format(why, "more than %d certificates", KEYS_MAX);
    else if (X509_check_private_key(certificate, key) != 1)
        strbuf_append(why, "its key belongs to another certificate");
    else if (!key_identify(key, keys->at[keys->count].identity))
        strbuf_append(why, "no memory for its key");
    if (why->len == 0)
        keys->at[keys->count++].key = key;
    else
        EVP_PKEY_free(key);
    return why->len == 0;
}

bool keys_add(struct keys *keys, int certificate_fd, int key_fd, struct strbuf *why)
{
    STACK_OF(X509) *chain = pem_file_certificates(certificate_fd);
    if (chain == NULL)
        strbuf_append(why, "holds no PEM certificate, or one that is malformed");
    EVP_PKEY *key = chain == NULL ? NULL : key_read(key_fd, why);
    bool is_taken = key != NULL && keys_take(keys, sk_X509_value(chain, 0), key, why);
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return is_taken;
}

EVP_PKEY *keys_find(const struct keys *keys, const uint8_t identity[KEY_IDENTITY_SIZE])
{
    for (size_t i = 0; i < keys->count; i++)
        if (memcmp(keys->at[i].identity, identity, KEY_IDENTITY_SIZE) == 0)
            return keys->at[i].key;
    return NULL;
}

void keys_fini(struct keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->at[i].key);
    *keys = (struct keys){.count = 0};
}
