/* Certificates for tests; see certificate_maker.h. */
#include "certificate_maker.h"

#include <openssl/conf.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/invariant.h"

void made_append_name(struct strbuf *names, uint8_t tag, struct span value)
{
    strbuf_append_byte(names, tag);
    if (value.len < 128) {
        strbuf_append_byte(names, (uint8_t)value.len);
    } else {
        strbuf_append_byte(names, 0x83);
        strbuf_append_byte(names, (uint8_t)(value.len >> 16));
        strbuf_append_byte(names, (uint8_t)(value.len >> 8));
        strbuf_append_byte(names, (uint8_t)value.len);
    }
    strbuf_append_span(names, value);
    invariant(!strbuf_failed(names));
}

struct span made_names(const struct strbuf *names, struct strbuf *ret_buf)
{
    strbuf_reset(ret_buf);
    made_append_name(ret_buf, 0x30, strbuf_span(names));
    return strbuf_span(ret_buf);
}

struct span made_mailbox(const char *mailbox, struct strbuf *ret_buf)
{
    auto_strbuf struct strbuf names = STRBUF(1024);
    made_append_name(&names, 0x81, span_of(mailbox));
    return made_names(&names, ret_buf);
}

static void made_add(X509 *certificate, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX conf;
    CONF *nothing = NCONF_new(NULL); /* policies are refused without a file that could explain them */
    X509V3_set_ctx(&conf, (X509 *)(uintptr_t)issuer, certificate, NULL, NULL, 0);
    X509V3_set_nconf(&conf, nothing);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &conf, nid, value);
    invariant(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    NCONF_free(nothing);
}

static void made_add_names(X509 *certificate, const struct made_request *request)
{
    int times = request->name_extensions == 0 ? 1 : request->name_extensions;
    if (request->names.at == NULL)
        return;
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    invariant(ASN1_OCTET_STRING_set(octets, request->names.at, (int)request->names.len) == 1);
    X509_EXTENSION *extension =
        X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, octets);
    for (int i = 0; i < times; i++)
        invariant(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
}

/* An authority key identifier that names a key nobody has. */
static void made_add_foreign_key_id(X509 *certificate)
{
    AUTHORITY_KEYID *key_id = AUTHORITY_KEYID_new();
    key_id->keyid = ASN1_OCTET_STRING_new();
    invariant(ASN1_OCTET_STRING_set(key_id->keyid, (const unsigned char *)"12345678901234567890", 20));
    invariant(X509_add1_ext_i2d(certificate, NID_authority_key_identifier, key_id, 0, 0) == 1);
    AUTHORITY_KEYID_free(key_id);
}

static X509_NAME *made_name(const char *common_name)
{
    X509_NAME *name = X509_NAME_new();
    invariant(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                         (const unsigned char *)common_name, -1, -1, 0) == 1);
    return name;
}

static void made_add_extensions(X509 *certificate, const struct made_request *request)
{
    char constraints[64] = "critical,CA:FALSE";
    const X509 *issuer = request->issuer == NULL ? certificate : request->issuer->certificate;
    if (request->is_ca && request->path_length >= 0)
        (void)snprintf(constraints, sizeof constraints, "critical,CA:TRUE,pathlen:%d",
                       request->path_length);
    else if (request->is_ca)
        (void)snprintf(constraints, sizeof constraints, "critical,CA:TRUE");
    made_add(certificate, issuer, NID_basic_constraints, constraints);
    made_add(certificate, issuer, NID_subject_key_identifier, "hash");
    if (request->key_id == MADE_KEY_ID_OF_ISSUER)
        made_add(certificate, issuer, NID_authority_key_identifier, "keyid:always");
    else if (request->key_id == MADE_KEY_ID_OF_ANOTHER)
        made_add_foreign_key_id(certificate);
    if (request->purposes != NULL)
        made_add(certificate, issuer, NID_ext_key_usage, request->purposes);
    if (request->policies != NULL)
        made_add(certificate, issuer, NID_certificate_policies, request->policies);
    made_add_names(certificate, request);
}

struct made made_certificate(const struct made_request *request)
{
    static long serial = 1000;
    struct made made = {EVP_EC_gen("P-256"), X509_new()};
    const struct made *issuer = request->issuer == NULL ? &made : request->issuer;
    X509_NAME *subject =
        request->subject == NULL ? made_name(request->name) : X509_NAME_dup(request->subject);
    invariant(made.key != NULL && made.certificate != NULL);
    invariant(X509_set_version(made.certificate, X509_VERSION_3) == 1);
    invariant(ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++) == 1);
    invariant(X509_set_pubkey(made.certificate, made.key) == 1);
    invariant(X509_set_subject_name(made.certificate, subject) == 1);
    if (request->issuer_name != NULL) {
        X509_NAME *name = made_name(request->issuer_name);
        invariant(X509_set_issuer_name(made.certificate, name) == 1);
        X509_NAME_free(name);
    } else {
        invariant(X509_set_issuer_name(made.certificate, X509_get_subject_name(issuer->certificate)));
    }
    (void)X509_gmtime_adj(X509_getm_notBefore(made.certificate), request->begins_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(made.certificate),
                          request->ends_s == 0 ? 3600 : request->ends_s);
    made_add_extensions(made.certificate, request);
    invariant(X509_sign(made.certificate, issuer->key, EVP_sha256()) > 0);
    X509_NAME_free(subject);
    return made;
}

void made_free(struct made *made)
{
    EVP_PKEY_free(made->key);
    X509_free(made->certificate);
    *made = (struct made){NULL, NULL};
}

X509_CRL *made_crl(const struct made *authority, const X509 *revoked, long begins_s, long ends_s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *begins = X509_gmtime_adj(NULL, begins_s);
    ASN1_TIME *ends = X509_gmtime_adj(NULL, ends_s);
    invariant(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
    invariant(X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->certificate)) == 1);
    invariant(X509_CRL_set1_lastUpdate(crl, begins) == 1 && X509_CRL_set1_nextUpdate(crl, ends) == 1);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_dup(X509_get0_serialNumber(revoked));
        invariant(X509_REVOKED_set_serialNumber(entry, serial) == 1);
        invariant(X509_REVOKED_set_revocationDate(entry, begins) == 1);
        invariant(X509_CRL_add0_revoked(crl, entry) == 1);
        ASN1_INTEGER_free(serial);
    }
    invariant(X509_CRL_sign(crl, authority->key, EVP_sha256()) > 0);
    ASN1_TIME_free(begins);
    ASN1_TIME_free(ends);
    return crl;
}

void made_append_der(const X509 *certificate, struct strbuf *der)
{
    unsigned char *octets = NULL;
    int len = i2d_X509(certificate, &octets);
    invariant(len > 0);
    strbuf_append_span(der, span_make(octets, (size_t)len));
    OPENSSL_free(octets);
    invariant(!strbuf_failed(der));
}
