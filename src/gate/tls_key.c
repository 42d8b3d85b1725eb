/* Gives a context the means to sign for its certificate; see tls_key.h. */
#include "gate/tls_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "pki/pem_file.h"

/* Keys of daemons have no passphrase: nobody is there to type it. */
static int tls_key_no_passphrase(char *at, int size, int is_writing, void *argument)
{
    (void)at;
    (void)size;
    (void)is_writing;
    (void)argument;
    return 0;
}

bool tls_key_install(SSL_CTX *context, int fd, struct strbuf *why)
{
    auto_strbuf_wipe struct strbuf pem = STRBUF(PEM_FILE_MAX);
    if (!pem_file_read(fd, &pem)) {
        strbuf_append(why, "the key can't be read, or is larger than a key is");
        return false;
    }
    BIO *bio = BIO_new_mem_buf(strbuf_text(&pem), (int)pem.len);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, tls_key_no_passphrase, NULL);
    BIO_free(bio);
    bool fits = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1 &&
                SSL_CTX_check_private_key(context) == 1;
    if (key == NULL)
        strbuf_append(why, "its key is no PEM private key without a passphrase");
    else if (!fits)
        strbuf_append(why, "its key belongs to another certificate");
    EVP_PKEY_free(key);
    ERR_clear_error();
    return fits;
}
