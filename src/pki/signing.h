/*
 * What authority.c and issue.c share: the objects behind authority.h's types, and the steps from an
 * empty certificate to a signed one. Nobody else includes this, but package.c for the types.
 */
#ifndef POSTERN_PKI_SIGNING_H
#define POSTERN_PKI_SIGNING_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "pki/authority.h"

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

struct issued {
    EVP_PKEY *key;
    X509 *certificate;
    struct issued_facts facts;
};

enum {
    SIGNING_SERIAL_SIZE = 16,
    SIGNING_BACKDATE_S = 3600, /* begins earlier, for clocks that are behind */
    SIGNING_DAY_S = 86400,
};

/* The time at which a certificate of so many days ends. */
int64_t signing_not_after_s(int64_t now_s, unsigned days);

struct signing_request {
    struct span common_name; /* UTF-8, 1 to 64 octets */
    unsigned days;
    int64_t now_s;
    EVP_PKEY *key;      /* of the subject */
    const X509 *issuer; /* NULL: the certificate itself */
};

/* A certificate with all but extensions and signature. NULL when OpenSSL fails; the caller frees
 * it. */
X509 *signing_begin(const struct signing_request *request) MUST_USE;

/* Adds an extension in OpenSSL's configuration grammar: for constant texts only. */
bool signing_add_extension(X509 *certificate, X509 *issuer, int nid, const char *text) MUST_USE;

/* Signs with SHA-256. */
bool signing_finish(X509 *certificate, EVP_PKEY *key) MUST_USE;

/*
 * Appends what was written into the memory BIO, if it was, and frees the BIO, which wipes it. False
 * when nothing was written or buf is full. Takes NULL.
 */
bool signing_take_text(BIO *bio, bool is_written, struct strbuf *buf) MUST_USE;

/* Appends "what: OpenSSL's reason" and empties OpenSSL's queue of errors. Returns false. */
bool signing_say_failure(struct strbuf *ret_error, const char *what);

#endif
