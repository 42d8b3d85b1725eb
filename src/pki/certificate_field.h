/*
 * The one field of a certificate that says who its user is. What could be read in two ways is refused
 * and never read in one of them: a field that stands there twice, an attribute that shares its place in
 * the subject with others (a multi-valued RDN), a text in another alphabet than ASCII, a NUL.
 */
#ifndef POSTERN_PKI_CERTIFICATE_FIELD_H
#define POSTERN_PKI_CERTIFICATE_FIELD_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "pki/certificate_refusal.h"

enum { CERTIFICATE_FIELD_OCTETS_MAX = 320 /* as long as a login may be */ };

enum certificate_field {
    CERTIFICATE_RFC822_NAME,         /* subjectAltName */
    CERTIFICATE_USER_PRINCIPAL_NAME, /* subjectAltName, an otherName of Microsoft's, as smart cards have it */
    CERTIFICATE_COMMON_NAME,         /* subject */
    CERTIFICATE_EMAIL_ADDRESS,       /* subject */
    CERTIFICATE_SERIAL_NUMBER,       /* subject; of the person, not of the certificate */
    CERTIFICATE_FIELD_COUNT,
};

/* By its name in postern.conf: rfc822Name, userPrincipalName, CN, emailAddress, serialNumber. */
bool certificate_field_find(struct span name, enum certificate_field *ret_field) MUST_USE;

/*
 * Appends the field's text, 1 to CERTIFICATE_FIELD_OCTETS_MAX octets of ASCII without control characters
 * and without "*". Anything but CERTIFICATE_OK leaves value as it was.
 */
enum certificate_refusal certificate_field_read(const X509 *certificate, enum certificate_field field,
                                                struct strbuf *value) MUST_USE;

#endif
