/*
 * Makes and loads certificate authorities; see authority.h. Called by "postern ca init" and
 * "postern device add" only.
 */
#include "pki/authority.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "base/utf8.h"
#include "pki/private_file.h"
#include "pki/signing.h"

/*
 * The passphrase is stretched by scrypt with 16 MiB and five rounds of it, the strongest of OWASP's
 * equal choices that OpenSSL's own tools still open with their default memory limit of 32 MiB.
 */
enum {
    AUTHORITY_SCRYPT_N = 16384,
    AUTHORITY_SCRYPT_R = 8,
    AUTHORITY_SCRYPT_P = 5,
    AUTHORITY_SALT_SIZE = 16,
    AUTHORITY_FILE_MAX = 65536,
};

static const char authority_certificate_name[] = "ca.pem";
static const char authority_key_name[] = "ca.key";

/* --- Making one ----------------------------------------------------------------------------- */

static bool authority_check_request(const struct authority_request *request, struct span name,
                                    struct strbuf *ret_error)
{
    struct span passphrase = request->passphrase;
    if (name.len == 0 || name.len > AUTHORITY_NAME_MAX || !utf8_is_clean(name)) {
        strbuf_format(
            ret_error,
            "the authority's name must be 1 to %d octets of text without control characters",
            AUTHORITY_NAME_MAX);
        return false;
    }
    if (request->days < 1 || request->days > AUTHORITY_DAYS_MAX) {
        strbuf_format(ret_error, "an authority lives 1 to %d days", AUTHORITY_DAYS_MAX);
        return false;
    }
    if (passphrase.len < AUTHORITY_PASSPHRASE_MIN || passphrase.len > AUTHORITY_PASSPHRASE_MAX) {
        strbuf_format(ret_error,
                      "the passphrase must have %d to %d octets; some random words are good",
                      AUTHORITY_PASSPHRASE_MIN, AUTHORITY_PASSPHRASE_MAX);
        return false;
    }
    for (size_t i = 0; i < passphrase.len; i++) {
        if (passphrase.at[i] < 0x20 || passphrase.at[i] == 0x7f) {
            strbuf_append(ret_error, "the passphrase must have no control characters");
            return false;
        }
    }
    return true;
}

/* The key as encrypted PKCS#8 in PEM. */
static bool authority_append_key(EVP_PKEY *key, struct span passphrase, struct strbuf *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    X509_ALGOR *scheme =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, AUTHORITY_SALT_SIZE, NULL,
                              AUTHORITY_SCRYPT_N, AUTHORITY_SCRYPT_R, AUTHORITY_SCRYPT_P);
    X509_SIG *encrypted = NULL;
    if (plain != NULL && scheme != NULL)
        encrypted = PKCS8_set0_pbe((const char *)passphrase.at, (int)passphrase.len, plain, scheme);
    if (encrypted == NULL)
        X509_ALGOR_free(scheme); /* else encrypted owns it */
    bool is_written = bio != NULL && encrypted != NULL && PEM_write_bio_PKCS8(bio, encrypted) == 1;
    X509_SIG_free(encrypted);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return signing_take_text(bio, is_written, pem);
}

static bool authority_append_certificate(const X509 *certificate, struct strbuf *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool is_written = bio != NULL && PEM_write_bio_X509(bio, certificate) == 1;
    return signing_take_text(bio, is_written, pem);
}

/* The authority's own certificate: it signs clients' certificates and lists, and no authority. */
static X509 *authority_sign_itself(EVP_PKEY *key, const struct authority_request *request,
                                   struct span name)
{
    X509 *certificate = signing_begin(&(struct signing_request){
        .common_name = name, .days = request->days, .now_s = request->now_s, .key = key});
    if (certificate == NULL)
        return NULL;
    if (signing_add_extension(certificate, certificate, NID_basic_constraints,
                              "critical,CA:TRUE,pathlen:0") &&
        signing_add_extension(certificate, certificate, NID_key_usage,
                              "critical,keyCertSign,cRLSign") &&
        signing_add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
        signing_add_extension(certificate, certificate, NID_authority_key_identifier,
                              "keyid:always") &&
        signing_finish(certificate, key))
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* Makes key and certificate, as the two files will hold them. */
static bool authority_make(const struct authority_request *request, struct span name,
                           struct strbuf *key_pem, struct strbuf *certificate_pem)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key == NULL ? NULL : authority_sign_itself(key, request, name);
    bool is_made = certificate != NULL &&
                   authority_append_certificate(certificate, certificate_pem) &&
                   authority_append_key(key, request->passphrase, key_pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_made;
}

/* Fills the directory, which is ours. */
static bool authority_fill(const struct authority_request *request, struct span name,
                           struct strbuf *ret_error)
{
    auto_strbuf struct strbuf key_pem = STRBUF(AUTHORITY_FILE_MAX);
    auto_strbuf struct strbuf certificate_pem = STRBUF(AUTHORITY_FILE_MAX);
    if (!private_file_is_free(request->dir, authority_certificate_name, ret_error) ||
        !private_file_is_free(request->dir, authority_key_name, ret_error))
        return false;
    if (!authority_make(request, name, &key_pem, &certificate_pem))
        return signing_say_failure(ret_error, "cannot make the authority");
    const struct private_file files[] = {
        {authority_key_name, 0600, strbuf_span(&key_pem)},
        {authority_certificate_name, 0644, strbuf_span(&certificate_pem)},
    };
    return private_files_write(request->dir, files, sizeof files / sizeof files[0], ret_error);
}

bool authority_create(const struct authority_request *request, struct strbuf *ret_error)
{
    struct span name = span_of(request->name == NULL ? AUTHORITY_NAME_DEFAULT : request->name);
    bool was_made = false;
    if (!authority_check_request(request, name, ret_error) ||
        !private_directory_make(request->dir, &was_made, ret_error))
        return false;
    bool is_complete = authority_fill(request, name, ret_error);
    if (!is_complete && was_made)
        (void)rmdir(request->dir);
    return is_complete;
}

/* --- Loading one ---------------------------------------------------------------------------- */

/* The first certificate in ca.pem. */
static X509 *authority_read_certificate(const char *path, struct strbuf *ret_error)
{
    auto_strbuf struct strbuf pem = STRBUF(AUTHORITY_FILE_MAX);
    if (!private_file_read(path, true, &pem, ret_error))
        return NULL;
    BIO *bio = BIO_new_mem_buf(strbuf_text(&pem), (int)pem.len);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (certificate == NULL || X509_check_ca(certificate) != 1) {
        strbuf_format(ret_error, "%s holds no certificate of an authority", path);
        ERR_clear_error();
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* Decrypts ca.key. Another form than encrypted PKCS#8 is no key of an authority of ours. */
static EVP_PKEY *authority_read_key(const char *path, struct span passphrase,
                                    struct strbuf *ret_error)
{
    auto_strbuf_wipe struct strbuf pem = STRBUF(AUTHORITY_FILE_MAX);
    if (!private_file_read(path, false, &pem, ret_error))
        return NULL;
    BIO *bio = BIO_new_mem_buf(strbuf_text(&pem), (int)pem.len);
    X509_SIG *encrypted = bio == NULL ? NULL : PEM_read_bio_PKCS8(bio, NULL, NULL, NULL);
    PKCS8_PRIV_KEY_INFO *plain = NULL;
    EVP_PKEY *key = NULL;
    if (encrypted == NULL) {
        strbuf_format(ret_error, "%s holds no encrypted private key (PKCS#8)", path);
    } else {
        plain = PKCS8_decrypt(encrypted, (const char *)passphrase.at, (int)passphrase.len);
        key = plain == NULL ? NULL : EVP_PKCS82PKEY(plain);
        if (key == NULL)
            strbuf_format(ret_error, "the passphrase does not open %s", path);
    }
    ERR_clear_error();
    PKCS8_PRIV_KEY_INFO_free(plain);
    X509_SIG_free(encrypted);
    BIO_free(bio);
    return key;
}

static bool authority_read(struct authority *authority, const char *dir, struct span passphrase,
                           struct strbuf *ret_error)
{
    auto_strbuf struct strbuf certificate_path = STRBUF(AUTHORITY_FILE_MAX);
    auto_strbuf struct strbuf key_path = STRBUF(AUTHORITY_FILE_MAX);
    strbuf_format(&certificate_path, "%s/%s", dir, authority_certificate_name);
    strbuf_format(&key_path, "%s/%s", dir, authority_key_name);
    authority->certificate = authority_read_certificate(strbuf_text(&certificate_path), ret_error);
    if (authority->certificate == NULL)
        return false;
    authority->key = authority_read_key(strbuf_text(&key_path), passphrase, ret_error);
    if (authority->key == NULL)
        return false;
    if (X509_check_private_key(authority->certificate, authority->key) != 1) {
        strbuf_format(ret_error, "%s is not the key of the certificate in %s",
                      strbuf_text(&key_path), strbuf_text(&certificate_path));
        ERR_clear_error();
        return false;
    }
    return true;
}

struct authority *authority_load(const char *dir, struct span passphrase, struct strbuf *ret_error)
{
    struct authority *authority = calloc(1, sizeof *authority);
    if (authority == NULL) {
        strbuf_append(ret_error, "memory is out");
        return NULL;
    }
    if (passphrase.len > AUTHORITY_PASSPHRASE_MAX ||
        !authority_read(authority, dir, passphrase, ret_error)) {
        if (passphrase.len > AUTHORITY_PASSPHRASE_MAX)
            strbuf_append(ret_error, "the passphrase is too long");
        authority_free(authority);
        return NULL;
    }
    return authority;
}

void authority_free(struct authority *authority)
{
    if (authority == NULL)
        return;
    EVP_PKEY_free(authority->key);
    X509_free(authority->certificate);
    free(authority);
}

bool authority_read_passphrase(const char *file, struct secret *ret_passphrase,
                               struct strbuf *ret_error)
{
    auto_strbuf_wipe struct strbuf text = STRBUF(2 * AUTHORITY_PASSPHRASE_MAX);
    if (!private_file_read(file, false, &text, ret_error))
        return false;
    struct span rest = strbuf_span(&text);
    struct span line = span_cut(&rest, '\n');
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line = span_first(line, line.len - 1);
    if (line.len == 0 || line.len > AUTHORITY_PASSPHRASE_MAX) {
        strbuf_format(ret_error,
                      "the first line of %s must be the passphrase, of at most %d octets", file,
                      AUTHORITY_PASSPHRASE_MAX);
        return false;
    }
    if (secret_set(ret_passphrase, line) != 0) {
        strbuf_append(ret_error, "memory is out");
        return false;
    }
    return true;
}
