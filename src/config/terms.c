/* The words of the configuration and their numbers; see terms.h. */
#include "config/terms.h"

const struct term protocol_terms[] = {
    {"imap", PROTOCOL_IMAP}, {"pop3", PROTOCOL_POP3}, {"smtp", PROTOCOL_SMTP}, {NULL, 0}};

const struct term listener_tls_terms[] = {
    {"implicit", LISTENER_TLS_IMPLICIT}, {"starttls", LISTENER_TLS_STARTTLS}, {NULL, 0}};

const struct term listener_mode_terms[] = {
    {"enforce", LISTENER_ENFORCE}, {"observe", LISTENER_OBSERVE}, {NULL, 0}};

const struct term backend_tls_terms[] = {{"none", BACKEND_TLS_NONE},
                                         {"starttls", BACKEND_TLS_STARTTLS},
                                         {"implicit", BACKEND_TLS_IMPLICIT},
                                         {NULL, 0}};

const struct term identify_terms[] = {
    {"none", IDENTIFY_NONE}, {"id", IDENTIFY_ID}, {"proxy", IDENTIFY_PROXY}, {NULL, 0}};

const struct term username_terms[] = {
    {"full", USERNAME_FULL}, {"local", USERNAME_LOCAL}, {NULL, 0}};

const struct term enrolment_terms[] = {{"certificate", AFTER_ENROLMENT_CERTIFICATE},
                                       {"unchanged", AFTER_ENROLMENT_UNCHANGED},
                                       {NULL, 0}};

const struct term client_ca_map_terms[] = {{"rfc822Name", MAP_RFC822_NAME},
                                           {"userPrincipalName", MAP_USER_PRINCIPAL_NAME},
                                           {"CN", MAP_COMMON_NAME},
                                           {"emailAddress", MAP_EMAIL_ADDRESS},
                                           {"serialNumber", MAP_SERIAL_NUMBER},
                                           {NULL, 0}};

const struct term rule_enrolment_terms[] = {{"as_listener", AFTER_ENROLMENT_OF_LISTENER},
                                            {"certificate", AFTER_ENROLMENT_CERTIFICATE},
                                            {"unchanged", AFTER_ENROLMENT_UNCHANGED},
                                            {NULL, 0}};

const struct term factor_terms[] = {{"certificate", FACTOR_CERTIFICATE},
                                    {"password", FACTOR_PASSWORD},
                                    {"oauth", FACTOR_OAUTH},
                                    {"certificate+password", FACTOR_CERTIFICATE | FACTOR_PASSWORD},
                                    {NULL, 0}};

bool term_find(const struct term *terms, struct span name, unsigned *ret_value)
{
    for (; terms->name != NULL; terms++) {
        if (span_equal(span_of(terms->name), name)) {
            *ret_value = terms->value;
            return true;
        }
    }
    return false;
}

const char *term_name(const struct term *terms, unsigned value)
{
    while (terms->name != NULL && terms->value != value)
        terms++;
    return terms->name == NULL ? "?" : terms->name;
}

const char *protocol_name(enum config_protocol protocol)
{
    return term_name(protocol_terms, protocol);
}

const char *listener_tls_name(enum config_listener_tls tls)
{
    return term_name(listener_tls_terms, tls);
}

const char *backend_tls_name(enum config_backend_tls tls)
{
    return term_name(backend_tls_terms, tls);
}

const char *identify_name(enum config_identify identify)
{
    return term_name(identify_terms, identify);
}

const char *username_name(enum config_username username)
{
    return term_name(username_terms, username);
}

bool factors_parse(struct span text, unsigned *ret_factors)
{
    return term_find(factor_terms, text, ret_factors);
}

void factors_print(unsigned factors, struct strbuf *buf)
{
    strbuf_append(buf, term_name(factor_terms, factors));
}
