/* Names issuers and serial numbers; see issuer.h. Called where a certificate or a list is looked at. */
#include "pki/issuer.h"

#include <openssl/evp.h>

/* The kinds of strings whose text is compared; others are compared as they are. */
static bool is_text(int type)
{
    return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING || type == V_ASN1_IA5STRING ||
           type == V_ASN1_T61STRING || type == V_ASN1_BMPSTRING || type == V_ASN1_UNIVERSALSTRING ||
           type == V_ASN1_VISIBLESTRING;
}

/* Folds letters and runs of spaces in place, and drops those at the ends. Returns the new length. */
static size_t canonicalise(uint8_t *text, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        bool is_space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        if (is_space && (out == 0 || text[out - 1] == ' '))
            continue;
        text[out++] = is_space ? ' ' : ascii_lower(text[i]);
    }
    return out > 0 && text[out - 1] == ' ' ? out - 1 : out;
}

/* Each part with its length before it, so that no two names are written alike. */
static bool hash_part(EVP_MD_CTX *hash, const void *at, size_t len)
{
    uint32_t size = (uint32_t)len;
    return EVP_DigestUpdate(hash, &size, sizeof size) == 1 && EVP_DigestUpdate(hash, at, len) == 1;
}

static bool hash_value(EVP_MD_CTX *hash, const ASN1_STRING *value)
{
    unsigned char *text = NULL;
    int type = ASN1_STRING_type(value);
    int len = is_text(type) ? ASN1_STRING_to_UTF8(&text, value) : -1;
    bool is_done;
    if (len < 0)
        is_done = hash_part(hash, &type, sizeof type) &&
                  hash_part(hash, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    else
        is_done = hash_part(hash, "text", 4) && hash_part(hash, text, canonicalise(text, (size_t)len));
    OPENSSL_free(text);
    return is_done;
}

static bool hash_entry(EVP_MD_CTX *hash, const X509_NAME_ENTRY *entry)
{
    const ASN1_OBJECT *kind = X509_NAME_ENTRY_get_object(entry);
    int32_t set = X509_NAME_ENTRY_set(entry);
    return hash_part(hash, OBJ_get0_data(kind), OBJ_length(kind)) && hash_part(hash, &set, sizeof set) &&
           hash_value(hash, X509_NAME_ENTRY_get_data(entry));
}

bool issuer_hash_name(const X509_NAME *name, uint8_t ret_hash[ISSUER_HASH_SIZE])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool is_done = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    for (int i = 0; is_done && i < X509_NAME_entry_count(name); i++)
        is_done = hash_entry(hash, X509_NAME_get_entry(name, i));
    is_done = is_done && EVP_DigestFinal_ex(hash, ret_hash, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return is_done;
}

bool issuer_identify(const X509 *authority, struct issuer *ret_issuer)
{
    return issuer_hash_name(X509_get_subject_name(authority), ret_issuer->name) &&
           X509_pubkey_digest(authority, EVP_sha256(), ret_issuer->key, NULL) == 1;
}

bool serial_read(const ASN1_INTEGER *integer, struct span *ret_serial)
{
    struct span octets = span_make(ASN1_STRING_get0_data(integer), (size_t)ASN1_STRING_length(integer));
    if (ASN1_STRING_type(integer) == V_ASN1_NEG_INTEGER)
        return false;
    while (octets.len > 0 && octets.at[0] == 0)
        octets = span_from(octets, 1);
    if (octets.len > SERIAL_MAX)
        return false;
    *ret_serial = octets;
    return true;
}
