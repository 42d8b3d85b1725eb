/*
 * SASL messages, decoded from base64 already: PLAIN (RFC 4616), LOGIN, EXTERNAL (RFC 4422 appendix A),
 * OAUTHBEARER (RFC 7628), XOAUTH2. Pure; spans point into the message. No field may hold a NUL, and
 * the results say nothing about whether an identity exists.
 */
#ifndef POSTERN_PROTOCOL_SASL_H
#define POSTERN_PROTOCOL_SASL_H

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum sasl_mechanism {
    SASL_PLAIN,
    SASL_LOGIN,
    SASL_EXTERNAL,
    SASL_OAUTHBEARER,
    SASL_XOAUTH2,
    SASL_MECHANISM_COUNT,
    SASL_UNKNOWN = SASL_MECHANISM_COUNT,
};

const char *sasl_mechanism_name(enum sasl_mechanism mechanism);
enum sasl_mechanism sasl_mechanism_parse(struct span name);

enum { SASL_MESSAGE_MAX = 12288 /* decoded; Postfix's limit */ };

struct sasl_credentials {
    struct span authorization;  /* authzid; empty when none was given */
    struct span authentication; /* authcid; for OAUTH the user that the message names */
    struct span secret;         /* password, or bearer token */
};

/* authzid NUL authcid NUL password; authcid and password not empty. */
bool sasl_parse_plain(struct span message, struct sasl_credentials *ret_credentials) MUST_USE;

/* The authorization identity, possibly empty; no NUL. The other fields are empty. */
bool sasl_parse_external(struct span message, struct sasl_credentials *ret_credentials) MUST_USE;

/*
 * "n,a=user,^Ahost=…^Aport=…^Aauth=Bearer token^A^A" with =2C and =3D decoded into scratch. The name
 * must be there; pairs other than auth are passed over; a "y" is taken for the "n".
 */
bool sasl_parse_oauthbearer(struct span message, struct strbuf *scratch,
                            struct sasl_credentials *ret_credentials) MUST_USE;

/* "user=user^Aauth=Bearer token^A^A". */
bool sasl_parse_xoauth2(struct span message, struct sasl_credentials *ret_credentials) MUST_USE;

/*
 * The same messages written anew from parsed fields, for the backend; not yet base64. A field that
 * holds the octet which separates fields (NUL, or ^A for the last two) fails the buffer: nothing can
 * be smuggled from one field into another, wherever the fields came from.
 */
void sasl_write_plain(const struct sasl_credentials *credentials, struct strbuf *buf);
void sasl_write_oauthbearer(const struct sasl_credentials *credentials, struct strbuf *buf);
void sasl_write_xoauth2(const struct sasl_credentials *credentials, struct strbuf *buf);

#endif
