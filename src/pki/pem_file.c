/* Files of certificates, by descriptor; see pem_file.h. */
#include "pki/pem_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/file_read.h"
#include "base/strbuf.h"

/* True when a PEM reader stopped because nothing more follows, not at something broken. */
static bool pem_file_ended_cleanly(void)
{
    unsigned long error = ERR_peek_last_error();
    bool is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return is_end;
}

STACK_OF(X509) *pem_file_certificates(int fd)
{
    auto_strbuf struct strbuf pem = STRBUF(PEM_FILE_MAX);
    if (!file_read(fd, &pem))
        return NULL;
    BIO *bio = BIO_new_mem_buf(strbuf_text(&pem), (int)pem.len);
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *certificate = NULL;
    bool is_whole = bio != NULL && list != NULL;
    while (is_whole && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        is_whole = sk_X509_push(list, certificate) > 0;
        if (!is_whole)
            X509_free(certificate);
    }
    is_whole = is_whole && pem_file_ended_cleanly() && sk_X509_num(list) > 0;
    BIO_free(bio);
    if (is_whole)
        return list;
    sk_X509_pop_free(list, X509_free);
    return NULL;
}
