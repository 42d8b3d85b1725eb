/* Reads files of revocation lists; see crl_file.h. Called from maker.c. */
#include "revocations/crl_file.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool crl_file_refuse(struct strbuf *why, const char *sentence)
{
    strbuf_append(why, sentence);
    return false;
}

static bool crl_file_parse_der(struct span octets, crl_visit_fn *visit, void *argument, struct strbuf *why)
{
    const unsigned char *at = octets.at;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)octets.len);
    bool is_whole = crl != NULL && at == octets.at + octets.len;
    if (is_whole)
        visit(crl, argument);
    X509_CRL_free(crl);
    return is_whole || crl_file_refuse(why, crl == NULL ? "it begins as DER does, and is no revocation list"
                                                        : "something stands behind the list in DER");
}

/* A reader of PEM stops where nothing more follows, or at something broken. */
static bool crl_file_ended_cleanly(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static bool crl_file_parse_pem(struct span octets, crl_visit_fn *visit, void *argument, struct strbuf *why)
{
    BIO *bio = BIO_new_mem_buf(octets.at, (int)octets.len);
    X509_CRL *crl = NULL;
    int count = 0;
    while (bio != NULL && count < CRL_FILE_LISTS_MAX &&
           (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
        count++;
        visit(crl, argument);
        X509_CRL_free(crl);
    }
    BIO_free(bio);
    if (bio == NULL)
        return crl_file_refuse(why, "there is no memory");
    if (count == CRL_FILE_LISTS_MAX)
        return crl_file_refuse(why, "it holds more lists than one file may");
    if (!crl_file_ended_cleanly())
        return crl_file_refuse(why, "a list in it does not decode, or is cut off");
    return count > 0 || crl_file_refuse(why, "it holds no revocation list");
}

bool crl_file_parse(struct span octets, crl_visit_fn *visit, void *argument, struct strbuf *why)
{
    if (octets.len == 0)
        return crl_file_refuse(why, "it is empty");
    ERR_clear_error();
    bool is_der = octets.at[0] == 0x30;
    bool is_whole = is_der ? crl_file_parse_der(octets, visit, argument, why)
                           : crl_file_parse_pem(octets, visit, argument, why);
    ERR_clear_error();
    return is_whole;
}

/* As many octets as there are now, at most len; less when the file was cut meanwhile. */
static size_t crl_file_fill(int fd, uint8_t *octets, size_t len)
{
    size_t filled = 0;
    while (filled < len) {
        ssize_t got = pread(fd, octets + filled, len - filled, (off_t)filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        filled += (size_t)got;
    }
    return filled;
}

bool crl_file_read(int fd, crl_visit_fn *visit, void *argument, struct strbuf *why)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return crl_file_refuse(why, "it is no file that can be read");
    if (status.st_size == 0)
        return crl_file_refuse(why, "it is empty");
    if (status.st_size > CRL_FILE_MAX)
        return crl_file_refuse(why, "it has more than 64 MB");
    size_t len = (size_t)status.st_size;
    auto_free uint8_t *octets = malloc(len);
    if (octets == NULL)
        return crl_file_refuse(why, "there is no memory");
    return crl_file_parse(span_make(octets, crl_file_fill(fd, octets, len)), visit, argument, why);
}
