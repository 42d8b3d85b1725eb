/*
 * Verifies client certificates against the authorities that are configured; see authorities.h. A set is
 * made from configure messages (gate/settings.c); client_certificate.c turns OpenSSL's result into a
 * verdict, and client_ca.c finds the user.
 */
#include "pki/authorities.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/span.h"
#include "pki/pem_file.h"

enum { AUTHORITIES_MAX = 16 };

struct authorities {
    struct client_ca *sections[AUTHORITIES_MAX];
    size_t count;
    STACK_OF(X509) *certificates; /* of all sections, which own them */
    X509_STORE *store;            /* holds references of its own */
};

/* --- Finding a section ----------------------------------------------------------------------- */

/* The section with that authority: the same certificate, or another of the same name and key. */
static const struct client_ca *authorities_find(const struct authorities *authorities, const X509 *certificate)
{
    for (size_t i = 0; i < authorities->count; i++) {
        const struct client_ca *section = authorities->sections[i];
        for (int j = 0; j < sk_X509_num(section->certificates); j++) {
            const X509 *one = sk_X509_value(section->certificates, j);
            if (one == certificate ||
                (X509_NAME_cmp(X509_get_subject_name(one), X509_get_subject_name(certificate)) == 0 &&
                 EVP_PKEY_eq(X509_get0_pubkey(one), X509_get0_pubkey(certificate)) == 1))
                return section;
        }
    }
    return NULL;
}

/* The section of the authority that ends the chain of the attempt; NULL when none of ours does. */
static const struct client_ca *authorities_section(const struct authorities *authorities,
                                                   const X509_STORE_CTX *attempt)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(attempt);
    int count = sk_X509_num(chain); /* -1 where there is no chain */
    return count <= 0 ? NULL : authorities_find(authorities, sk_X509_value(chain, count - 1));
}

/* --- Making the set -------------------------------------------------------------------------- */

struct authorities *authorities_new(void)
{
    struct authorities *authorities = calloc(1, sizeof *authorities);
    if (authorities == NULL)
        return NULL;
    authorities->certificates = sk_X509_new_null();
    authorities->store = X509_STORE_new();
    /* An authority may be named by its intermediate alone: what stands in a section is trusted. */
    if (authorities->certificates != NULL && authorities->store != NULL &&
        X509_STORE_set_flags(authorities->store, X509_V_FLAG_PARTIAL_CHAIN) == 1)
        return authorities;
    authorities_free(authorities);
    return NULL;
}

void authorities_free(struct authorities *authorities)
{
    if (authorities == NULL)
        return;
    X509_STORE_free(authorities->store);
    sk_X509_free(authorities->certificates);
    for (size_t i = 0; i < authorities->count; i++)
        client_ca_free(authorities->sections[i]);
    free(authorities);
}

/* Puts the certificates of a section that is not counted yet into the store. */
static bool authorities_trust(struct authorities *authorities, const struct client_ca *section,
                              struct strbuf *why)
{
    for (int i = 0; i < sk_X509_num(section->certificates); i++) {
        X509 *certificate = sk_X509_value(section->certificates, i);
        const struct client_ca *other = authorities_find(authorities, certificate);
        if (other != NULL) {
            strbuf_format(why, "client_ca %s: an authority of its file stands in client_ca %s too; name it once",
                          section->name, other->name);
            return false;
        }
        if (X509_STORE_add_cert(authorities->store, certificate) != 1 ||
            sk_X509_push(authorities->certificates, certificate) <= 0) {
            strbuf_append(why, "out of memory");
            return false;
        }
    }
    return true;
}

bool authorities_add(struct authorities *authorities, const struct client_ca_request *request,
                     struct strbuf *why)
{
    if (authorities->count == AUTHORITIES_MAX) {
        strbuf_append(why, "more sections client_ca than are taken");
        return false;
    }
    struct client_ca *section = client_ca_new(request, why);
    bool is_whole = section != NULL && authorities_trust(authorities, section, why);
    if (section != NULL) /* its certificates may be in the store, so they live as long */
        authorities->sections[authorities->count++] = section;
    ERR_clear_error();
    return is_whole;
}

static struct client_ca *authorities_named(struct authorities *authorities, struct span name)
{
    for (size_t i = 0; authorities != NULL && i < authorities->count; i++)
        if (span_equal(span_of(authorities->sections[i]->name), name))
            return authorities->sections[i];
    return NULL;
}

bool authorities_take_lists(struct authorities *authorities, struct span name, int table_fd, struct strbuf *why)
{
    struct client_ca *section = authorities_named(authorities, name);
    if (section != NULL)
        return lists_take(&section->lists, table_fd, why);
    strbuf_append(why, "lists of an authority that was not told");
    return false;
}

const STACK_OF(X509) *authorities_certificates(const struct authorities *authorities)
{
    return authorities->certificates;
}

/* --- Verifying ------------------------------------------------------------------------------- */

/* What the lists of its section say of a chain that is good otherwise. */
static long authorities_check_lists(const struct authorities *authorities, const X509_STORE_CTX *attempt,
                                    int64_t now_s)
{
    const struct client_ca *section = authorities_section(authorities, attempt);
    return section == NULL ? X509_V_ERR_UNSPECIFIED
                           : lists_check(&section->lists, X509_STORE_CTX_get0_chain(attempt), now_s);
}

/* Verifies by the rules above. OpenSSL's result; an error also when the attempt could not begin. */
static long authorities_attempt(const struct authorities *authorities, X509_STORE_CTX *attempt,
                                X509 *leaf, STACK_OF(X509) *chain, int64_t now_s)
{
    /* "ssl_client" is the purpose that a TLS server verifies for. */
    if (X509_STORE_CTX_init(attempt, authorities->store, leaf, chain) != 1 ||
        X509_STORE_CTX_set_default(attempt, "ssl_client") != 1)
        return X509_V_ERR_UNSPECIFIED;
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(attempt);
    X509_VERIFY_PARAM_set_depth(rules, AUTHORITIES_CHAIN_DEPTH);
    X509_VERIFY_PARAM_set_auth_level(rules, AUTHORITIES_STRENGTH_LEVEL);
    X509_STORE_CTX_set_time(attempt, 0, (time_t)now_s);
    client_certificate_verify_chain(attempt);
    long result = X509_STORE_CTX_get_error(attempt);
    return result == X509_V_OK ? authorities_check_lists(authorities, attempt, now_s) : result;
}

/* The rules of the section that the chain ends in, for a certificate that is VALID by itself. */
static void authorities_judge(const struct authorities *authorities, const X509_STORE_CTX *attempt,
                              struct client_certificate *verdict, struct strbuf *name)
{
    const struct client_ca *section = authorities_section(authorities, attempt);
    if (section != NULL) {
        client_ca_judge(section, X509_STORE_CTX_get0_chain(attempt), verdict, name);
        return;
    }
    verdict->state = CERTIFICATE_REFUSED;
    verdict->refusal = CERTIFICATE_BAD_CHAIN;
}

void authorities_verify(const struct authorities *authorities, X509 *leaf, STACK_OF(X509) *chain,
                        int64_t now_s, struct client_certificate *ret_certificate, struct strbuf *name)
{
    (void)ERR_set_mark();
    X509_STORE_CTX *attempt = X509_STORE_CTX_new();
    long result = attempt == NULL ? X509_V_ERR_UNSPECIFIED
                                  : authorities_attempt(authorities, attempt, leaf, chain, now_s);
    client_certificate_judge(leaf, result, ret_certificate);
    if (ret_certificate->state == CERTIFICATE_VALID)
        authorities_judge(authorities, attempt, ret_certificate, name);
    X509_STORE_CTX_free(attempt);
    (void)ERR_pop_to_mark();
}

/* The certificate at the front of der, which moves behind it; NULL when there is none. */
static X509 *authorities_take_der(struct span *der)
{
    const unsigned char *at = der->at;
    X509 *certificate = d2i_X509(NULL, &at, (long)der->len);
    if (certificate != NULL)
        *der = span_make(at, der->len - (size_t)(at - der->at));
    return certificate;
}

/* All certificates of der; NULL when one does not decode or there is no memory. */
static STACK_OF(X509) *authorities_take_chain(struct span der)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool is_whole = chain != NULL;
    while (is_whole && der.len > 0) {
        X509 *certificate = authorities_take_der(&der);
        is_whole = certificate != NULL && sk_X509_push(chain, certificate) > 0;
        if (!is_whole)
            X509_free(certificate);
    }
    if (is_whole)
        return chain;
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

bool authorities_verify_der(const struct authorities *authorities, struct span leaf, struct span chain,
                            int64_t now_s, struct client_certificate *ret_certificate,
                            struct strbuf *name)
{
    if (leaf.len == 0 || leaf.len > AUTHORITIES_CHAIN_OCTETS ||
        chain.len > AUTHORITIES_CHAIN_OCTETS - leaf.len)
        return false;
    (void)ERR_set_mark();
    X509 *certificate = authorities_take_der(&leaf);
    STACK_OF(X509) *others = authorities_take_chain(chain);
    (void)ERR_pop_to_mark();
    bool is_whole = certificate != NULL && leaf.len == 0 && others != NULL;
    if (is_whole)
        authorities_verify(authorities, certificate, others, now_s, ret_certificate, name);
    sk_X509_pop_free(others, X509_free);
    X509_free(certificate);
    return is_whole;
}

/* --- Sessions that live ---------------------------------------------------------------------- */

/* Those of a section that may have signed the certificate, going by names: how many, and the last. */
static size_t client_ca_candidates(const struct client_ca *section, X509 *certificate, bool verifies,
                                   struct issuer *ret_issuer)
{
    size_t count = 0;
    for (int i = 0; i < sk_X509_num(section->certificates); i++) {
        X509 *one = sk_X509_value(section->certificates, i);
        if (X509_check_issued(one, certificate) != X509_V_OK ||
            (verifies && X509_verify(certificate, X509_get0_pubkey(one)) != 1))
            continue;
        *ret_issuer = section->lists.levels[i].identity;
        count++;
    }
    return count;
}

/* verifies: by its signature too, which costs as much as a handshake's. */
static size_t authorities_candidates(const struct authorities *authorities, X509 *certificate, bool verifies,
                                     struct issuer *ret_issuer)
{
    size_t count = 0;
    for (size_t i = 0; i < authorities->count; i++)
        count += client_ca_candidates(authorities->sections[i], certificate, verifies, ret_issuer);
    return count;
}

bool authorities_identify_issuer(const struct authorities *authorities, X509 *certificate,
                                 struct issuer *ret_issuer)
{
    (void)ERR_set_mark();
    size_t count = authorities_candidates(authorities, certificate, false, ret_issuer);
    if (count > 1)
        count = authorities_candidates(authorities, certificate, true, ret_issuer);
    (void)ERR_pop_to_mark();
    return count > 0;
}

enum certificate_refusal authorities_check_mark(const struct authorities *authorities,
                                                const struct certificate_mark *mark, int64_t now_s)
{
    struct span serial = span_make(mark->serial, mark->serial_size);
    if (mark->not_after_s < now_s)
        return CERTIFICATE_EXPIRED;
    for (size_t i = 0; authorities != NULL && i < authorities->count; i++)
        if (lists_revoke(&authorities->sections[i]->lists, &mark->issuer, serial))
            return CERTIFICATE_REVOKED;
    return CERTIFICATE_OK;
}
