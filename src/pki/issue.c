/*
 * Issues certificates to users' devices; see authority.h. Called by "postern device add" with a
 * login that login_name.h made canonical.
 */
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/authority.h"
#include "pki/signing.h"

enum { ISSUE_COMMON_NAME_MAX = 64 /* ub-common-name, RFC 5280 appendix A.1 */ };

/* An rfc822Name is ASCII; that it names one mailbox is what client_certificate.h will ask for. */
static bool issue_check_login(struct span login, struct strbuf *ret_error)
{
    struct span domain = login;
    struct span local = span_cut(&domain, '@');
    bool is_good = login.len <= ISSUED_LOGIN_MAX && local.len > 0 && domain.len > 0 &&
                   local.len <= ISSUE_COMMON_NAME_MAX && !span_has(domain, '@');
    for (size_t i = 0; i < login.len; i++)
        is_good = is_good && login.at[i] > 0x20 && login.at[i] < 0x7f;
    if (!is_good)
        strbuf_append(ret_error, "a certificate needs a login in ASCII with a domain, such as "
                                 "alice@example.org");
    return is_good;
}

static int64_t issue_authority_ends_s(const struct authority *authority)
{
    struct tm utc;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(authority->certificate), &utc) != 1)
        return 0;
    return timegm(&utc);
}

static bool issue_check_days(const struct authority *authority, const struct issue_request *request,
                             struct strbuf *ret_error)
{
    int64_t left_s = issue_authority_ends_s(authority) - request->now_s;
    if (request->days < 1 || request->days > ISSUED_DAYS_MAX) {
        strbuf_format(ret_error, "a client certificate is valid for 1 to %d days", ISSUED_DAYS_MAX);
        return false;
    }
    if (left_s < SIGNING_DAY_S) {
        strbuf_append(ret_error,
                      "the authority has expired or does so within a day; make a new one");
        return false;
    }
    if ((int64_t)request->days * SIGNING_DAY_S > left_s) {
        strbuf_format(ret_error, "the authority itself expires in %lld days; ask for no more",
                      (long long)(left_s / SIGNING_DAY_S));
        return false;
    }
    return true;
}

/* The login as the one rfc822Name: built, not parsed, so nothing in it can mean anything else. */
static bool issue_add_login(X509 *certificate, struct span login)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    bool is_added = false;
    if (names != NULL && name != NULL && text != NULL &&
        ASN1_STRING_set(text, login.at, (int)login.len) == 1) {
        GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
        text = NULL;
        if (sk_GENERAL_NAME_push(names, name) > 0) {
            name = NULL;
            is_added = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1;
        }
    }
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    return is_added;
}

/* Where the login is too long for a common name, its local part stands there; the SAN counts. */
static X509 *issue_sign(const struct authority *authority, const struct issue_request *request,
                        EVP_PKEY *key)
{
    X509 *issuer = authority->certificate;
    struct span rest = request->login;
    struct span local = span_cut(&rest, '@');
    X509 *certificate = signing_begin(&(struct signing_request){
        .common_name = request->login.len <= ISSUE_COMMON_NAME_MAX ? request->login : local,
        .days = request->days,
        .now_s = request->now_s,
        .key = key,
        .issuer = issuer});
    if (certificate == NULL)
        return NULL;
    if (signing_add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
        signing_add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
        signing_add_extension(certificate, issuer, NID_ext_key_usage, "clientAuth") &&
        signing_add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
        signing_add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
        issue_add_login(certificate, request->login) && signing_finish(certificate, authority->key))
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool issue_read_serial(const X509 *certificate, char *text, size_t size)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    size_t len = (size_t)ASN1_STRING_length(serial);
    auto_strbuf struct strbuf hex = STRBUF(size - 1);
    strbuf_append_hex(&hex, span_make(ASN1_STRING_get0_data(serial), len));
    if (strbuf_failed(&hex))
        return false;
    memcpy(text, strbuf_text(&hex), hex.len + 1);
    return true;
}

/* In RFC 4514's grammar, which is RFC 2253's with its errors mended; non-ASCII is escaped. */
static bool issue_read_issuer(const X509 *certificate, char *text, size_t size)
{
    auto_strbuf struct strbuf printed = STRBUF(size - 1);
    BIO *bio = BIO_new(BIO_s_mem());
    bool is_printed = bio != NULL && X509_NAME_print_ex(bio, X509_get_issuer_name(certificate), 0,
                                                        XN_FLAG_RFC2253) >= 0;
    if (!signing_take_text(bio, is_printed, &printed))
        return false;
    memcpy(text, strbuf_text(&printed), printed.len + 1);
    return true;
}

static bool issue_fill(struct issued *issued, const struct authority *authority,
                       const struct issue_request *request)
{
    struct issued_facts *facts = &issued->facts;
    if (request->key == NULL)
        issued->key = EVP_EC_gen("P-256");
    EVP_PKEY *key = request->key == NULL ? issued->key : request->key;
    issued->certificate = key == NULL ? NULL : issue_sign(authority, request, key);
    if (issued->certificate == NULL)
        return false;
    facts->not_after_s = signing_not_after_s(request->now_s, request->days);
    return certificate_fingerprint(issued->certificate, facts->fingerprint) &&
           issue_read_serial(issued->certificate, facts->serial, sizeof facts->serial) &&
           issue_read_issuer(issued->certificate, facts->issuer, sizeof facts->issuer);
}

struct issued *authority_issue(const struct authority *authority,
                               const struct issue_request *request, struct strbuf *ret_error)
{
    if (!issue_check_login(request->login, ret_error) ||
        !issue_check_days(authority, request, ret_error))
        return NULL;
    struct issued *issued = calloc(1, sizeof *issued);
    if (issued != NULL && issue_fill(issued, authority, request))
        return issued;
    (void)signing_say_failure(ret_error, "cannot make the certificate");
    issued_free(issued);
    return NULL;
}

const struct issued_facts *issued_facts(const struct issued *issued)
{
    return &issued->facts;
}

void issued_free(struct issued *issued)
{
    if (issued == NULL)
        return;
    EVP_PKEY_free(issued->key);
    X509_free(issued->certificate);
    free(issued);
}
