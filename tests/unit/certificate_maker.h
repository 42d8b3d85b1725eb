/*
 * Makes certificates for tests: right ones and ones that no authority would sign. Every function ends
 * the test where OpenSSL fails.
 */
#ifndef POSTERN_TESTS_CERTIFICATE_MAKER_H
#define POSTERN_TESTS_CERTIFICATE_MAKER_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/span.h"
#include "base/strbuf.h"

/* An authority or a client: what else is built upon. */
struct made {
    EVP_PKEY *key;
    X509 *certificate;
};

enum made_key_id { MADE_KEY_ID_OF_ISSUER, MADE_KEY_ID_ABSENT, MADE_KEY_ID_OF_ANOTHER };

struct made_request {
    const char *name;           /* common name */
    const struct made *issuer;  /* NULL: self-signed */
    const char *issuer_name;    /* NULL: the issuer's own name */
    enum made_key_id key_id;
    bool is_ca;
    int path_length;            /* of a CA; < 0: none */
    const char *purposes;       /* extendedKeyUsage as OpenSSL writes it; NULL: none */
    struct span names;          /* DER of the SubjectAltName; SPAN_NONE: no extension */
    int name_extensions;        /* how often that extension stands there; 0: once */
    const X509_NAME *subject;   /* in place of the common name; NULL: that */
    const char *policies;       /* certificatePolicies as OpenSSL writes it; NULL: none */
    long begins_s;              /* from now */
    long ends_s;                /* from now; 0: in an hour */
};

struct made made_certificate(const struct made_request *request);
void made_free(struct made *made);

/* Appends one GeneralName: tag 0x81 is rfc822Name, 0x82 dNSName, 0xa0 otherName … */
void made_append_name(struct strbuf *names, uint8_t tag, struct span value);

/* A SubjectAltName with those names, for made_request.names; valid as long as ret_buf is. */
struct span made_names(const struct strbuf *names, struct strbuf *ret_buf);

/* A SubjectAltName with one rfc822Name. */
struct span made_mailbox(const char *mailbox, struct strbuf *ret_buf);

/* A revocation list of the authority, valid from begins_s to ends_s (from now). revoked may be NULL. */
X509_CRL *made_crl(const struct made *authority, const X509 *revoked, long begins_s, long ends_s);

/* The DER of the certificate, appended. */
void made_append_der(const X509 *certificate, struct strbuf *der);

#endif
