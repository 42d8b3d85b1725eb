/*
 * One section client_ca: an authority's certificates, and what a certificate of it must be, whom it may
 * name and how it names him. Made once from what the section says, frozen from then on but for its table
 * of revoked certificates.
 */
#ifndef POSTERN_PKI_CLIENT_CA_H
#define POSTERN_PKI_CLIENT_CA_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "pki/certificate_mapping.h"
#include "pki/client_certificate.h"
#include "pki/lists.h"
#include "pki/name_space.h"

enum { CLIENT_CA_NAME_MAX = 64 };

/* What a section says; lists are texts with one entry a line. All stays the caller's. */
struct client_ca_request {
    struct span name;
    int certificate_fd;        /* PEM */
    struct span policies;      /* object identifiers, one of which a certificate must be issued under; may be empty */
    struct span domains;       /* whose users it may name */
    struct span users;         /* whom else; both empty: everybody */
    struct span map;           /* a field as certificate_field_find() knows it */
    struct span pattern;
    struct span login;
    struct span map_file_name; /* for the reason of a failure */
    int map_file_fd;           /* -1: none */
    bool needs_lists;          /* of revoked certificates, one for each level */
    int64_t overdue_grace_s;   /* for which a list may be overdue */
};

/* From a configure_client_ca message, which this folder does not know. */
#define CLIENT_CA_REQUEST(message)                                                                 \
    ((struct client_ca_request){.name = (message)->name,                                           \
                                .certificate_fd = (message)->certificate,                          \
                                .policies = (message)->policies,                                   \
                                .domains = (message)->domains,                                     \
                                .users = (message)->users,                                         \
                                .map = (message)->map,                                             \
                                .pattern = (message)->pattern,                                     \
                                .login = (message)->login,                                         \
                                .map_file_name = (message)->map_file_name,                         \
                                .map_file_fd = (message)->map_file,                                \
                                .needs_lists = (message)->needs_lists != 0,                        \
                                .overdue_grace_s = (message)->overdue_grace_s})

struct client_ca {
    char name[CLIENT_CA_NAME_MAX + 1];
    STACK_OF(X509) *certificates;
    STACK_OF(ASN1_OBJECT) *policies; /* NULL: any */
    struct strbuf texts;             /* what the spans below point into */
    struct name_space names;
    struct certificate_mapping mapping;
    struct lists lists; /* of revoked certificates; the table comes later, and is replaced */
};

/* NULL with the reason in why, which names the section. */
struct client_ca *client_ca_new(const struct client_ca_request *request, struct strbuf *why) MUST_USE;

/* Takes NULL. */
void client_ca_free(struct client_ca *section);

/*
 * Judges a certificate whose chain verified and ends with an authority of this section, and is VALID by
 * itself. chain: as it verified. Appends the user's name, or makes the verdict REFUSED.
 */
void client_ca_judge(const struct client_ca *section, STACK_OF(X509) *chain,
                     struct client_certificate *verdict, struct strbuf *name);

#endif
