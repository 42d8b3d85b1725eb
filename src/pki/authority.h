/*
 * The certificate authority behind "postern ca init" and "postern device add --ca DIR": a directory
 * with ca.pem (the certificate, which a section client_ca names) and ca.key (the private key,
 * encrypted with a passphrase, mode 0600). Only commands that a person types use this; no running
 * role links it or ever sees the key.
 *
 * Every function that can fail for a reason outside appends one sentence for the person to
 * ret_error (no line end, no secret in it) and changes nothing else. Files appear whole or not at
 * all, with their mode from birth, and never take the place of others. Nothing here reads a clock,
 * asks at a terminal or prints.
 *
 * The command's order of work: check the target (package.h), load, issue, register the facts with
 * the keeper, write the package; where the writing fails, revoke again.
 */
#ifndef POSTERN_PKI_AUTHORITY_H
#define POSTERN_PKI_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/secret.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "pki/client_certificate.h"

#define AUTHORITY_NAME_DEFAULT "Postern CA"

enum {
    AUTHORITY_DAYS_DEFAULT = 3650,
    AUTHORITY_DAYS_MAX = 18250,
    AUTHORITY_NAME_MAX = 64,       /* octets of UTF-8; ub-common-name, RFC 5280 appendix A.1 */
    AUTHORITY_PASSPHRASE_MIN = 12, /* octets, for a new authority */
    AUTHORITY_PASSPHRASE_MAX = 512,
    AUTHORITY_ERROR_MAX = 1024, /* a sensible cap for ret_error */
    ISSUED_DAYS_DEFAULT = 730,
    ISSUED_DAYS_MAX = 3650,
    ISSUED_LOGIN_MAX = 320,
};

/* A loaded authority: certificate and decrypted key, in memory only. */
struct authority;

struct authority_request {
    const char *dir;  /* made with mode 0700; one that is there must be ours, others can't write */
    const char *name; /* common name; NULL: AUTHORITY_NAME_DEFAULT */
    struct span passphrase; /* AUTHORITY_PASSPHRASE_MIN to _MAX octets, no control characters */
    unsigned days;          /* 1 to AUTHORITY_DAYS_MAX */
    int64_t now_s;          /* wall clock */
};

/*
 * Makes a new authority in request->dir. Refuses where ca.pem or ca.key is there already. ca.key
 * comes first and ca.pem last, so a directory with ca.pem is complete.
 */
bool authority_create(const struct authority_request *request, struct strbuf *ret_error) MUST_USE;

/*
 * Reads the authority in dir. NULL when a file is missing or has a mode that shows the key to
 * others, the passphrase is wrong, or certificate and key do not belong together. Takes some tenths
 * of a second: the passphrase is stretched by scrypt.
 */
struct authority *authority_load(const char *dir, struct span passphrase,
                                 struct strbuf *ret_error) MUST_USE;

/* Wipes the key. Takes NULL. */
void authority_free(struct authority *authority);

/*
 * Reads the passphrase for --passphrase-file: the first line, without its line end. A regular file
 * must be closed to group and others; a pipe (a shell's <(…)) is read as it is.
 */
bool authority_read_passphrase(const char *file, struct secret *ret_passphrase,
                               struct strbuf *ret_error) MUST_USE;

struct issue_request {
    struct span login; /* canonical, ASCII, with a domain; what the certificate will log in */
    unsigned days;     /* 1 to ISSUED_DAYS_MAX, and no longer than the authority lives */
    int64_t now_s;     /* wall clock */
    EVP_PKEY *key;     /* the device's public key (certificate_request.h); NULL: make a new pair */
};

/* What the keeper is told about a certificate (message device_add). */
struct issued_facts {
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
    char serial[40];  /* hexadecimal, lower case, 32 digits */
    char issuer[512]; /* RFC 4514, such as "CN=Postern CA" */
    int64_t not_after_s;
};

/* A new client certificate, with its private key where it was made here: in memory only until a
 * package is written. */
struct issued;

/*
 * Makes a fresh EC P-256 key and a certificate for the login: subjectAltName rfc822Name = login,
 * clientAuth, 128 random bits of serial number. NULL on failure.
 */
struct issued *authority_issue(const struct authority *authority,
                               const struct issue_request *request,
                               struct strbuf *ret_error) MUST_USE;

/* Valid as long as issued is. */
const struct issued_facts *issued_facts(const struct issued *issued);

/* Wipes the key. Takes NULL. */
void issued_free(struct issued *issued);

#endif
