/* How an authority's certificates say who their user is: by a field, or by a file that lists them. */
#ifndef POSTERN_PKI_CERTIFICATE_MAPPING_H
#define POSTERN_PKI_CERTIFICATE_MAPPING_H

#include <openssl/x509.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "pki/certificate_field.h"
#include "pki/certificate_refusal.h"
#include "pki/map_file.h"

struct certificate_mapping {
    enum certificate_field field;
    struct span pattern;   /* what the field fits, see login_pattern.h */
    struct span login;     /* what becomes of it */
    struct map_file *file; /* NULL: the field counts; else nothing but this */
};

/* The rfc822Name as it stands. */
#define CERTIFICATE_MAPPING_DEFAULT                                                                \
    ((struct certificate_mapping){.pattern = SPAN("*"), .login = SPAN("*")})

/* Appends the name, which name_is_login(). Anything but CERTIFICATE_OK leaves name as it was. */
enum certificate_refusal certificate_mapping_apply(const struct certificate_mapping *mapping,
                                                   const X509 *certificate,
                                                   struct strbuf *name) MUST_USE;

#endif
