/*
 * A client's certificate in DER. Claims: a name comes with VALID only, and is one visible ASCII
 * mailbox that makes a login with a domain or none; the fingerprint depends on the signed part alone;
 * no verify result but X509_V_OK names anybody; OpenSSL's queue of errors stays as it was.
 */
#include <openssl/err.h>

#include "fuzz.h"
#include "pki/client_certificate.h"
#include "protocol/login_name.h"

static void check_name(const struct client_certificate *verdict, const struct strbuf *name)
{
    struct span mailbox = strbuf_span(name);
    invariant((verdict->state == CERTIFICATE_VALID) == (mailbox.len > 0));
    invariant((verdict->state == CERTIFICATE_REFUSED) == (verdict->refusal != CERTIFICATE_OK));
    invariant(!strbuf_failed(name) && mailbox.len <= CERTIFICATE_NAME_MAX);
    if (mailbox.len == 0)
        return;
    for (size_t i = 0; i < mailbox.len; i++)
        invariant(mailbox.at[i] > 0x20 && mailbox.at[i] < 0x7f);
    const struct login_name_rules rules = {.default_domain = SPAN("elsewhere.example")};
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    if (login_name_canonicalise(mailbox, &rules, &login) == LOGIN_NAME_OK)
        invariant(login.len <= mailbox.len && span_has(strbuf_span(&login), '@'));
}

/* The certificate with another signature: the same name, the same fingerprint. */
static void check_other_signature(X509 *certificate, const struct client_certificate *verdict,
                                  const struct strbuf *name)
{
    const ASN1_BIT_STRING *signature;
    auto_strbuf struct strbuf other_name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate other;
    X509_get0_signature(&signature, NULL, certificate);
    if (signature->length == 0)
        return;
    signature->data[signature->length - 1] ^= 1;
    client_certificate_read(certificate, X509_V_OK, &other, &other_name);
    invariant(other.state == verdict->state && other.refusal == verdict->refusal);
    invariant(memcmp(other.fingerprint, verdict->fingerprint, sizeof other.fingerprint) == 0);
    invariant(span_equal(strbuf_span(&other_name), strbuf_span(name)));
}

static void check_verify_results(X509 *certificate)
{
    /* One of each kind; test_client_certificate.c tries them all. */
    static const long results[] = {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                                   X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_CERT_REVOKED};
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
        struct client_certificate verdict;
        client_certificate_read(certificate, results[i], &verdict, &name);
        invariant(verdict.state != CERTIFICATE_VALID);
        check_name(&verdict, &name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    bool is_one = client_certificate_read_der(span_make(octets, len), &verdict, &name);
    invariant(ERR_peek_error() == 0);
    invariant(is_one || name.len == 0);
    if (!is_one)
        return 0;
    check_name(&verdict, &name);
    const unsigned char *at = octets;
    X509 *certificate = d2i_X509(NULL, &at, (long)len);
    invariant(certificate != NULL);
    check_verify_results(certificate);
    check_other_signature(certificate, &verdict, &name);
    invariant(ERR_peek_error() == 0);
    X509_free(certificate);
    return 0;
}
