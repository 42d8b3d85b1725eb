/*
 * A file that says whose a certificate is, where nothing in the certificate does: smart cards often name
 * a person by a number. One row a line, "#" begins a comment line:
 *
 *     alice@example.org  serial   0A1B2C  CN=Card CA,O=Clinic      serial number and issuer
 *     alice@example.org  subject  CN=Alice,serialNumber=17,O=Clinic
 *     alice@example.org  key      SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal
 *
 * Names are written and compared as RFC 2253 has them, octet by octet: what "openssl x509 -nameopt
 * RFC2253" prints. Read once, by the sandboxed roles that judge certificates; frozen from then on.
 */
#ifndef POSTERN_PKI_MAP_FILE_H
#define POSTERN_PKI_MAP_FILE_H

#include <openssl/x509.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "pki/certificate_refusal.h"
#include "pki/name_space.h"

enum {
    MAP_FILE_OCTETS_MAX = 8 << 20,
    MAP_FILE_ROWS_MAX = 100000,
    MAP_FILE_LINE_MAX = 2048,
};

struct map_file;

/*
 * Reads all rows. Their logins must be ones that the authority may name. NULL with the reason in why,
 * which begins with the number of a line and a colon, where it is one line's fault. A file without rows
 * is one that names nobody.
 */
struct map_file *map_file_parse(struct span text, const struct name_space *space, struct strbuf *why) MUST_USE;

/* Takes NULL. */
void map_file_free(struct map_file *map);

/*
 * Appends the login of the rows that the certificate fits. NO_NAME: it fits none; SEVERAL_NAMES: some
 * that name different users.
 */
enum certificate_refusal map_file_find(const struct map_file *map, const X509 *certificate,
                                       struct strbuf *name) MUST_USE;

#endif
