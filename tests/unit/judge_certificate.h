/*
 * A certificate without a section: judged by itself, and named by its rfc822Name as it stands. What the
 * tests of both share.
 */
#ifndef POSTERN_TESTS_JUDGE_CERTIFICATE_H
#define POSTERN_TESTS_JUDGE_CERTIFICATE_H

#include <openssl/err.h>

#include "pki/certificate_mapping.h"
#include "pki/client_certificate.h"

static inline void judge_certificate_by(const struct certificate_mapping *mapping, X509 *certificate,
                                       long verify_result, struct client_certificate *ret_certificate,
                                       struct strbuf *name)
{
    (void)ERR_set_mark();
    client_certificate_judge(certificate, verify_result, ret_certificate);
    if (ret_certificate->state == CERTIFICATE_VALID)
        ret_certificate->refusal = certificate_mapping_apply(mapping, certificate, name);
    if (ret_certificate->refusal != CERTIFICATE_OK)
        ret_certificate->state = CERTIFICATE_REFUSED;
    (void)ERR_pop_to_mark();
}

static inline void judge_certificate(X509 *certificate, long verify_result,
                                    struct client_certificate *ret_certificate, struct strbuf *name)
{
    const struct certificate_mapping mapping = CERTIFICATE_MAPPING_DEFAULT;
    judge_certificate_by(&mapping, certificate, verify_result, ret_certificate, name);
}

/* The certificate that is all of der; NULL when it is none. */
static inline X509 *decode_certificate(struct span der)
{
    const unsigned char *at = der.at;
    (void)ERR_set_mark();
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    (void)ERR_pop_to_mark();
    if (certificate == NULL || at == der.at + der.len)
        return certificate;
    X509_free(certificate);
    return NULL;
}

#endif
