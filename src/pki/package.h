/*
 * Hands a new client certificate to its user: as PKCS#12 for mail programs and telephones, as two
 * PEM files for mutt, mbsync, curl and the like, or, where the key never left the device, the
 * certificate alone. The rules for errors and files are
 * authority.h's.
 */
#ifndef POSTERN_PKI_PACKAGE_H
#define POSTERN_PKI_PACKAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "pki/authority.h"

/* Cryptography of the PKCS#12 file; package.c says which programs read which. */
enum package_style {
    PACKAGE_MODERN,     /* AES-256, PBKDF2 and HMAC with SHA-256 */
    PACKAGE_COMPATIBLE, /* triple DES and SHA-1, for Apple's keychain and Android up to 13 */
};

enum {
    PACKAGE_PASSWORD_LENGTH =
        19, /* abcd-efgh-jkmn-pqrs: 16 characters of 5 random bits, 80 in all */
    PACKAGE_DEVICE_NAME_MAX = 128,
};

/* Appends a new one-time password. It goes to the person once and is stored nowhere. */
void package_append_password(struct strbuf *buf);

/*
 * Says early whether a file, or package_write_pem(dir), can be written: nothing is there in the way,
 * and the directory takes files. Call it before the certificate is registered.
 */
bool package_check_file(const char *file, struct strbuf *ret_error) MUST_USE;
bool package_check_pem(const char *dir, struct strbuf *ret_error) MUST_USE;

/*
 * The writers of keys are for certificates whose key was made here.
 *
 * Writes file (mode 0600) with certificate and key under the password. device_name (UTF-8, at most
 * PACKAGE_DEVICE_NAME_MAX octets, no control characters) becomes the friendly name that pickers
 * show.
 */
bool package_write_pkcs12(const struct issued *issued, const char *file, const char *device_name,
                          struct span password, enum package_style style,
                          struct strbuf *ret_error) MUST_USE;

/*
 * Writes cert.pem and key.pem (unencrypted), both mode 0600, into dir, which is made with mode 0700
 * where it is missing. Both appear or neither.
 */
bool package_write_pem(const struct issued *issued, const char *dir,
                       struct strbuf *ret_error) MUST_USE;

/* The account that a profile sets up. */
struct package_account {
    struct span login;
    struct span host;
    uint16_t port;
};

/*
 * Writes file (mode 0600) as an Apple configuration profile (apple_profile.h) with the same PKCS#12 in it,
 * of the style that all of Apple's systems read.
 */
bool package_write_profile(const struct issued *issued, const char *file, const char *device_name,
                           const struct package_account *account, struct span password,
                           struct strbuf *ret_error) MUST_USE;

/* Writes the certificate alone into file as PEM, for a device that has the key; mode 0600. */
bool package_write_certificate(const struct issued *issued, const char *file,
                               struct strbuf *ret_error) MUST_USE;

#endif
