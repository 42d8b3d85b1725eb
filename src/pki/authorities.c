/*
 * Verifies client certificates against the authorities that are configured; see authorities.h. The gate
 * makes the set from a configure message (tls_context.c); client_certificate.c turns OpenSSL's result
 * into a verdict.
 */
#include "pki/authorities.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#include "pki/pem_file.h"

struct authorities {
    STACK_OF(X509) *certificates;
    STACK_OF(X509_CRL) *crls; /* NULL: none are configured */
    X509_STORE *store;        /* holds references of its own */
};

static bool authorities_fill_store(struct authorities *authorities)
{
    X509_STORE *store = authorities->store = X509_STORE_new();
    bool is_whole = store != NULL;
    for (int i = 0; is_whole && i < sk_X509_num(authorities->certificates); i++)
        is_whole = X509_STORE_add_cert(store, sk_X509_value(authorities->certificates, i)) == 1;
    for (int i = 0; is_whole && i < sk_X509_CRL_num(authorities->crls); i++)
        is_whole = X509_STORE_add_crl(store, sk_X509_CRL_value(authorities->crls, i)) == 1;
    /* An authority may be named by its intermediate alone: what stands in client_ca is trusted. */
    unsigned long flags =
        X509_V_FLAG_PARTIAL_CHAIN | (authorities->crls == NULL ? 0 : X509_V_FLAG_CRL_CHECK);
    return is_whole && X509_STORE_set_flags(store, flags) == 1;
}

/* Fills in what new made; false with the reason in why. */
static bool authorities_read(struct authorities *authorities, int certificate_fd, int crl_fd,
                             struct strbuf *why)
{
    if (crl_fd >= 0) {
        authorities->crls = pem_file_crls(crl_fd);
        if (authorities->crls == NULL) {
            strbuf_append(why, "client_crl holds no PEM CRL, or one that is malformed");
            return false;
        }
    }
    authorities->certificates = pem_file_certificates(certificate_fd);
    if (authorities->certificates == NULL) {
        strbuf_append(why, "client_ca holds no PEM certificate, or one that is malformed");
        return false;
    }
    if (authorities_fill_store(authorities))
        return true;
    strbuf_append(why, "client_ca and client_crl can't be put in force");
    return false;
}

struct authorities *authorities_new(int certificate_fd, int crl_fd, struct strbuf *why)
{
    struct authorities *authorities = calloc(1, sizeof *authorities);
    if (authorities == NULL) {
        strbuf_append(why, "out of memory");
        return NULL;
    }
    bool is_whole = authorities_read(authorities, certificate_fd, crl_fd, why);
    ERR_clear_error();
    if (is_whole)
        return authorities;
    authorities_free(authorities);
    return NULL;
}

void authorities_free(struct authorities *authorities)
{
    if (authorities == NULL)
        return;
    X509_STORE_free(authorities->store);
    sk_X509_CRL_pop_free(authorities->crls, X509_CRL_free);
    sk_X509_pop_free(authorities->certificates, X509_free);
    free(authorities);
}

const STACK_OF(X509) *authorities_certificates(const struct authorities *authorities)
{
    return authorities->certificates;
}

X509_STORE *authorities_store(const struct authorities *authorities)
{
    return authorities->store;
}

int authorities_verify_handshake(X509_STORE_CTX *attempt, void *unused)
{
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(attempt);
    X509_VERIFY_PARAM_set_depth(rules, AUTHORITIES_CHAIN_DEPTH);
    if (X509_VERIFY_PARAM_get_auth_level(rules) < AUTHORITIES_STRENGTH_LEVEL)
        X509_VERIFY_PARAM_set_auth_level(rules, AUTHORITIES_STRENGTH_LEVEL);
    return client_certificate_verify_chain(attempt, unused);
}

/* OpenSSL's result for the chain; an error also when the attempt could not begin. */
static long authorities_attempt(const struct authorities *authorities, X509 *leaf,
                                STACK_OF(X509) *chain, int64_t now_s)
{
    long result = X509_V_ERR_UNSPECIFIED;
    X509_STORE_CTX *attempt = X509_STORE_CTX_new();
    /* "ssl_client" is the purpose that a TLS server verifies for. */
    if (attempt != NULL && X509_STORE_CTX_init(attempt, authorities->store, leaf, chain) == 1 &&
        X509_STORE_CTX_set_default(attempt, "ssl_client") == 1) {
        X509_STORE_CTX_set_time(attempt, 0, (time_t)now_s);
        (void)authorities_verify_handshake(attempt, NULL);
        result = X509_STORE_CTX_get_error(attempt);
    }
    X509_STORE_CTX_free(attempt);
    return result;
}

void authorities_verify(const struct authorities *authorities, X509 *leaf, STACK_OF(X509) *chain,
                        int64_t now_s, struct client_certificate *ret_certificate, struct strbuf *name)
{
    (void)ERR_set_mark();
    long result = authorities_attempt(authorities, leaf, chain, now_s);
    (void)ERR_pop_to_mark();
    client_certificate_read(leaf, result, ret_certificate, name);
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

enum certificate_refusal authorities_check_mark(const struct authorities *authorities,
                                                const struct certificate_mark *mark, int64_t now_s)
{
    return certificate_mark_check(mark, authorities == NULL ? NULL : authorities->crls, now_s);
}
