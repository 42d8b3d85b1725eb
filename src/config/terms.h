/*
 * The words of the configuration that travel to the roles as numbers (channel/schema.def), with their
 * spellings. Factors are bits, since a login rule combines them.
 */
#ifndef POSTERN_CONFIG_TERMS_H
#define POSTERN_CONFIG_TERMS_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum config_protocol { PROTOCOL_IMAP, PROTOCOL_POP3, PROTOCOL_SMTP, PROTOCOL_COUNT };
enum config_listener_tls { LISTENER_TLS_IMPLICIT, LISTENER_TLS_STARTTLS, LISTENER_TLS_COUNT };
enum config_backend_tls { BACKEND_TLS_NONE, BACKEND_TLS_STARTTLS, BACKEND_TLS_IMPLICIT, BACKEND_TLS_COUNT };

/* Whether a listener's rules refuse, or only say what they would have refused. */
enum config_listener_mode { LISTENER_ENFORCE, LISTENER_OBSERVE };

/* How the backend is told who the client is. */
enum config_identify { IDENTIFY_NONE, IDENTIFY_ID, IDENTIFY_PROXY, IDENTIFY_COUNT };

/* What the backend is given as the user's name: "alice@example.org" or "alice". */
enum config_username { USERNAME_FULL, USERNAME_LOCAL, USERNAME_COUNT };

/* Whom a listener still lets in by password or token once the user owns a valid certificate. */
enum config_enrolment {
    AFTER_ENROLMENT_CERTIFICATE,
    AFTER_ENROLMENT_UNCHANGED,
    AFTER_ENROLMENT_OF_LISTENER, /* of a login rule that does not say */
    AFTER_ENROLMENT_COUNT,
};

/* The field of a certificate that names its user. */
enum config_client_ca_map {
    MAP_RFC822_NAME,
    MAP_USER_PRINCIPAL_NAME,
    MAP_COMMON_NAME,
    MAP_EMAIL_ADDRESS,
    MAP_SERIAL_NUMBER,
};

enum config_factor {
    FACTOR_CERTIFICATE = 1,
    FACTOR_PASSWORD = 2,
    FACTOR_OAUTH = 4,
};

/* A word and its number. A table of them ends with name NULL; it is the one place of the spellings. */
struct term {
    const char *name;
    unsigned value;
};

extern const struct term protocol_terms[];
extern const struct term listener_tls_terms[];
extern const struct term listener_mode_terms[];
extern const struct term backend_tls_terms[];
extern const struct term identify_terms[];
extern const struct term username_terms[];
extern const struct term enrolment_terms[];
extern const struct term client_ca_map_terms[];
extern const struct term rule_enrolment_terms[];
extern const struct term factor_terms[];

/* The number of a word; false when the table hasn't got it. */
bool term_find(const struct term *terms, struct span name, unsigned *ret_value) MUST_USE;

/* The word for a number; "?" when the table hasn't got it. */
const char *term_name(const struct term *terms, unsigned value);

/* "imap", "implicit", "starttls" … for a value of the enum; the names stand in postern.conf so. */
const char *protocol_name(enum config_protocol protocol);
const char *listener_tls_name(enum config_listener_tls tls);
const char *backend_tls_name(enum config_backend_tls tls);
const char *identify_name(enum config_identify identify);
const char *username_name(enum config_username username);

/* Reads "certificate", "password", "oauth", "certificate+password". False for anything else. */
bool factors_parse(struct span text, unsigned *ret_factors) MUST_USE;

/* Appends the same spelling. */
void factors_print(unsigned factors, struct strbuf *buf);

#endif
