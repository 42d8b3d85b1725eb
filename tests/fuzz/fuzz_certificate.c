/*
 * A client's certificate in DER, named by each field. Claims: a name comes with VALID only, and is one
 * visible ASCII mailbox that makes a login with a domain or none, of the same domain; it depends on the
 * signed part alone, as the fingerprint does; no verify result but X509_V_OK names anybody; OpenSSL's
 * queue of errors stays as it was.
 */
#include <openssl/err.h>

#include "../unit/judge_certificate.h"
#include "fuzz.h"
#include "pki/map_file.h"
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
    const struct login_name_rules rules = {.default_domain = SPAN("elsewhere.example"),
                                           .netbios_domains = SPAN("CORP=elsewhere.example")};
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    if (login_name_canonicalise(mailbox, &rules, &login) != LOGIN_NAME_OK)
        return;
    /* What name_space_holds() was asked about is what logs in. */
    invariant(login.len == mailbox.len && span_equal_nocase(strbuf_span(&login), mailbox));
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
    judge_certificate(certificate, X509_V_OK, &other, &other_name);
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
        judge_certificate(certificate, results[i], &verdict, &name);
        invariant(verdict.state != CERTIFICATE_VALID);
        check_name(&verdict, &name);
    }
}

/* Every field, as it stands and through a pattern. */
static void check_fields(X509 *certificate)
{
    for (unsigned field = 0; field < CERTIFICATE_FIELD_COUNT; field++) {
        const struct certificate_mapping mappings[] = {
            {.field = (enum certificate_field)field, .pattern = SPAN("*"), .login = SPAN("*")},
            {.field = (enum certificate_field)field,
             .pattern = SPAN("A*"),
             .login = SPAN("x*@example.org")}};
        for (size_t i = 0; i < 2; i++) {
            auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
            struct client_certificate verdict;
            judge_certificate_by(&mappings[i], certificate, X509_V_OK, &verdict, &name);
            check_name(&verdict, &name);
        }
    }
}

/* A file with rows of each kind: a name comes from a row that fits, and from nowhere else. */
static void check_map_file(X509 *certificate)
{
    static struct map_file *map;
    auto_strbuf struct strbuf why = STRBUF(256);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    const struct name_space everybody = {.domains = SPAN_NONE};
    if (map == NULL)
        map = map_file_parse(SPAN("a@b.example serial 01 CN=nobody at all\n"
                                  "a@b.example subject CN=nobody at all\n"
                                  "a@b.example key 0000000000000000000000000000000000000000000000000000"
                                  "000000000000\n"),
                             &everybody, &why);
    invariant(map != NULL);
    enum certificate_refusal refusal = map_file_find(map, certificate, &name);
    invariant(refusal == CERTIFICATE_OK ? span_equal(strbuf_span(&name), SPAN("a@b.example"))
                                        : refusal == CERTIFICATE_NO_NAME && name.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    X509 *certificate = decode_certificate(span_make(octets, len));
    if (certificate == NULL)
        return 0;
    judge_certificate(certificate, X509_V_OK, &verdict, &name);
    invariant(ERR_peek_error() == 0);
    check_name(&verdict, &name);
    check_verify_results(certificate);
    check_fields(certificate);
    (void)ERR_set_mark();
    check_map_file(certificate);
    (void)ERR_pop_to_mark();
    check_other_signature(certificate, &verdict, &name);
    invariant(ERR_peek_error() == 0);
    X509_free(certificate);
    return 0;
}
