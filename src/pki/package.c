/*
 * Writes what a user takes to a device; see package.h.
 *
 * PKCS#12 and who reads what. PACKAGE_MODERN (PBES2 with AES-256 and PBKDF2-HMAC-SHA-256, MAC with
 * SHA-256, what OpenSSL 3 writes by itself) is read by NSS and so Thunderbird, OpenSSL, GnuTLS, Java,
 * Windows 10 and Android 14. Android 13 and older, and Apple's keychain by reports as late as 2026,
 * take triple DES under a key from SHA-1 only, and call the right password wrong; for them there is
 * PACKAGE_COMPATIBLE. The password has 80 random bits in both, so neither falls to guessing: the older
 * scheme's weak stretching of passwords is no loss here.
 *
 * The file holds certificate and key, not the authority's certificate: a client does not need it to
 * log in, and Android would warn that the network may be watched, since it would trust it for
 * servers.
 */
#include "pki/package.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/invariant.h"
#include "base/utf8.h"
#include "pki/apple_profile.h"
#include "pki/private_file.h"
#include "pki/signing.h"

enum {
    PACKAGE_ITERATIONS = 10000, /* quick on old telephones; the password needs no stretching */
    PACKAGE_PASSWORD_MAX = 128,
    PACKAGE_FILE_MAX = 65536,
    PACKAGE_PATH_MAX = 4096,
    PACKAGE_GROUP = 4,
};

static const char package_certificate_name[] = "cert.pem";
static const char package_key_name[] = "key.pem";

void package_append_password(struct strbuf *buf)
{
    /* 32 letters and digits of which none is taken for another: no l, o, 0, 1. */
    static const char alphabet[32] = "abcdefghijkmnpqrstuvwxyz23456789";
    enum { CHARACTERS = 16 };
    unsigned char random[CHARACTERS];
    if (RAND_priv_bytes(random, sizeof random) != 1) {
        buf->failed = true;
        return;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        if (i > 0 && i % PACKAGE_GROUP == 0)
            strbuf_append_byte(buf, '-');
        strbuf_append_byte(buf, (uint8_t)alphabet[random[i] % sizeof alphabet]);
    }
    OPENSSL_cleanse(random, sizeof random);
}

/* --- Where it goes -------------------------------------------------------------------------- */

/* Cuts "DIR/NAME" apart; dir becomes "." where there is none. */
static bool package_split_path(const char *file, struct strbuf *dir, const char **ret_name,
                               struct strbuf *ret_error)
{
    const char *slash = strrchr(file, '/');
    const char *name = slash == NULL ? file : slash + 1;
    if (name[0] == '\0' || strlen(file) >= PACKAGE_PATH_MAX) {
        strbuf_format(ret_error, "\"%s\" is no name for a file", file);
        return false;
    }
    if (slash == NULL)
        strbuf_append(dir, ".");
    else
        strbuf_append_span(dir, span_make(file, slash == file ? 1 : (size_t)(slash - file)));
    *ret_name = name;
    return true;
}

bool package_check_file(const char *file, struct strbuf *ret_error)
{
    auto_strbuf struct strbuf dir = STRBUF(PACKAGE_PATH_MAX);
    const char *name = NULL;
    return package_split_path(file, &dir, &name, ret_error) &&
           private_file_is_free(strbuf_text(&dir), name, ret_error);
}

bool package_check_pem(const char *dir, struct strbuf *ret_error)
{
    bool was_made = false;
    if (!private_directory_make(dir, &was_made, ret_error))
        return false;
    bool is_free = private_file_is_free(dir, package_certificate_name, ret_error) &&
                   private_file_is_free(dir, package_key_name, ret_error);
    if (was_made)
        (void)rmdir(dir); /* it could be made: the answer, and all that is wanted now */
    return is_free;
}

/* --- PKCS#12 -------------------------------------------------------------------------------- */

static PKCS12 *package_make_pkcs12(const struct issued *issued, const char *label,
                                   const char *password, enum package_style style)
{
    bool is_modern = style == PACKAGE_MODERN;
    int cipher = is_modern ? NID_aes_256_cbc : NID_pbe_WithSHA1And3_Key_TripleDES_CBC;
    const EVP_MD *digest = is_modern ? EVP_sha256() : EVP_sha1();
    /* -1: no MAC yet, because that function lets nobody choose its digest. */
    PKCS12 *package = PKCS12_create(password, label, issued->key, issued->certificate, NULL, cipher,
                                    cipher, PACKAGE_ITERATIONS, -1, 0);
    if (package != NULL &&
        PKCS12_set_mac(package, password, -1, NULL, 0, PACKAGE_ITERATIONS, digest) != 1) {
        PKCS12_free(package);
        return NULL;
    }
    return package;
}

static bool package_append_pkcs12(const struct issued *issued, const char *label,
                                  const char *password, enum package_style style,
                                  struct strbuf *content)
{
    PKCS12 *package = package_make_pkcs12(issued, label, password, style);
    unsigned char *der = NULL;
    int len = package == NULL ? -1 : i2d_PKCS12(package, &der);
    if (len > 0)
        strbuf_append_span(content, span_make(der, (size_t)len));
    OPENSSL_free(der);
    PKCS12_free(package);
    return len > 0 && !strbuf_failed(content);
}

/* The octets of the PKCS#12, in content. */
static bool package_pack(const struct issued *issued, const char *device_name, struct span password,
                         enum package_style style, struct strbuf *content, struct strbuf *ret_error)
{
    auto_strbuf_wipe struct strbuf secret = STRBUF(PACKAGE_PASSWORD_MAX);
    struct span label = span_of(device_name);
    invariant(issued->key != NULL);
    if (label.len == 0 || label.len > PACKAGE_DEVICE_NAME_MAX || !utf8_is_clean(label)) {
        strbuf_format(ret_error, "a device's name has 1 to %d octets and no control characters",
                      PACKAGE_DEVICE_NAME_MAX);
        return false;
    }
    strbuf_append_span(&secret, password);
    if (password.len == 0 || strbuf_failed(&secret) || span_has(password, 0)) {
        strbuf_append(ret_error,
                      "the password for the PKCS#12 file is empty, too long or holds NUL");
        return false;
    }
    if (!package_append_pkcs12(issued, device_name, strbuf_text(&secret), style, content))
        return signing_say_failure(ret_error, "cannot make the PKCS#12 file");
    return true;
}

bool package_write_pkcs12(const struct issued *issued, const char *file, const char *device_name,
                          struct span password, enum package_style style, struct strbuf *ret_error)
{
    auto_strbuf struct strbuf dir = STRBUF(PACKAGE_PATH_MAX);
    auto_strbuf struct strbuf content = STRBUF(PACKAGE_FILE_MAX);
    const char *name = NULL;
    if (!package_split_path(file, &dir, &name, ret_error) ||
        !package_pack(issued, device_name, password, style, &content, ret_error))
        return false;
    const struct private_file written = {name, 0600, strbuf_span(&content)};
    return private_files_write(strbuf_text(&dir), &written, 1, ret_error);
}

bool package_write_profile(const struct issued *issued, const char *file, const char *device_name,
                           const struct package_account *account, struct span password,
                           struct strbuf *ret_error)
{
    auto_strbuf struct strbuf dir = STRBUF(PACKAGE_PATH_MAX);
    auto_strbuf struct strbuf pkcs12 = STRBUF(PACKAGE_FILE_MAX);
    auto_strbuf struct strbuf xml = STRBUF(APPLE_PROFILE_MAX);
    struct apple_profile profile = {.login = account->login,
                                    .device = span_of(device_name),
                                    .host = account->host,
                                    .port = account->port,
                                    .serial = span_of(issued->facts.serial)};
    const char *name = NULL;
    if (!package_split_path(file, &dir, &name, ret_error) ||
        !package_pack(issued, device_name, password, PACKAGE_COMPATIBLE, &pkcs12, ret_error))
        return false;
    profile.pkcs12 = strbuf_span(&pkcs12);
    if (RAND_bytes(&profile.uuids[0][0], sizeof profile.uuids) != 1)
        return signing_say_failure(ret_error, "cannot draw random octets");
    apple_profile_print(&profile, &xml);
    if (strbuf_failed(&xml)) {
        strbuf_append(ret_error, "the profile does not fit into memory");
        return false;
    }
    const struct private_file written = {name, 0600, strbuf_span(&xml)};
    return private_files_write(strbuf_text(&dir), &written, 1, ret_error);
}

/* --- PEM ------------------------------------------------------------------------------------ */

static bool package_append_certificate(const struct issued *issued, struct strbuf *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool is_written = bio != NULL && PEM_write_bio_X509(bio, issued->certificate) == 1;
    return signing_take_text(bio, is_written, pem);
}

static bool package_append_key(const struct issued *issued, struct strbuf *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool is_written = bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, issued->key, NULL, NULL, 0,
                                                                   NULL, NULL) == 1;
    return signing_take_text(bio, is_written, pem);
}

bool package_write_pem(const struct issued *issued, const char *dir, struct strbuf *ret_error)
{
    auto_strbuf struct strbuf certificate = STRBUF(PACKAGE_FILE_MAX);
    auto_strbuf_wipe struct strbuf key = STRBUF(PACKAGE_FILE_MAX);
    bool was_made = false;
    invariant(issued->key != NULL);
    if (!package_append_certificate(issued, &certificate) || !package_append_key(issued, &key))
        return signing_say_failure(ret_error, "cannot write the certificate as PEM");
    if (!private_directory_make(dir, &was_made, ret_error))
        return false;
    const struct private_file files[] = {
        {package_key_name, 0600, strbuf_span(&key)},
        {package_certificate_name, 0600, strbuf_span(&certificate)},
    };
    bool is_complete = private_files_write(dir, files, sizeof files / sizeof files[0], ret_error);
    if (!is_complete && was_made)
        (void)rmdir(dir);
    return is_complete;
}

bool package_write_certificate(const struct issued *issued, const char *file,
                               struct strbuf *ret_error)
{
    auto_strbuf struct strbuf dir = STRBUF(PACKAGE_PATH_MAX);
    auto_strbuf struct strbuf certificate = STRBUF(PACKAGE_FILE_MAX);
    const char *name = NULL;
    if (!package_split_path(file, &dir, &name, ret_error))
        return false;
    if (!package_append_certificate(issued, &certificate))
        return signing_say_failure(ret_error, "cannot write the certificate as PEM");
    const struct private_file written = {name, 0600, strbuf_span(&certificate)};
    return private_files_write(strbuf_text(&dir), &written, 1, ret_error);
}
