/*
 * Reads the naming field of a certificate that verified; see certificate_field.h. Called from
 * certificate_mapping.c, which makes a login of it.
 */
#include "pki/certificate_field.h"

#include <openssl/x509v3.h>

static const char *const certificate_field_names[CERTIFICATE_FIELD_COUNT] = {
    [CERTIFICATE_RFC822_NAME] = "rfc822Name",
    [CERTIFICATE_USER_PRINCIPAL_NAME] = "userPrincipalName",
    [CERTIFICATE_COMMON_NAME] = "CN",
    [CERTIFICATE_EMAIL_ADDRESS] = "emailAddress",
    [CERTIFICATE_SERIAL_NUMBER] = "serialNumber",
};

bool certificate_field_find(struct span name, enum certificate_field *ret_field)
{
    for (unsigned i = 0; i < CERTIFICATE_FIELD_COUNT; i++) {
        if (!span_equal(span_of(certificate_field_names[i]), name))
            continue;
        *ret_field = (enum certificate_field)i;
        return true;
    }
    return false;
}

/* What was found: the one value, or too many of them. */
struct field_search {
    const ASN1_STRING *value; /* NULL: none, or of another type than text */
    unsigned count;
    bool is_ambiguous;
};

static void field_note(struct field_search *search, const ASN1_STRING *value)
{
    search->value = value;
    search->count++;
}

/* --- The subject alternative name ------------------------------------------------------------------ */

/* The UPN in an otherName; a value of another type is there, and is no text. */
static const ASN1_STRING *field_principal_name(const OTHERNAME *name)
{
    return name->value->type == V_ASN1_UTF8STRING ? name->value->value.utf8string : NULL;
}

/* Other kinds of names are passed over, whatever they hold: only one of the same kind could compete. */
static void field_search_names(const GENERAL_NAMES *names, enum certificate_field field,
                               struct field_search *search)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (field == CERTIFICATE_RFC822_NAME && name->type == GEN_EMAIL)
            field_note(search, name->d.rfc822Name);
        else if (field == CERTIFICATE_USER_PRINCIPAL_NAME && name->type == GEN_OTHERNAME &&
                 OBJ_obj2nid(name->d.otherName->type_id) == NID_ms_upn)
            field_note(search, field_principal_name(name->d.otherName));
    }
}

/* --- The subject ------------------------------------------------------------------------------------- */

static int field_attribute(enum certificate_field field)
{
    return field == CERTIFICATE_COMMON_NAME     ? NID_commonName
           : field == CERTIFICATE_EMAIL_ADDRESS ? NID_pkcs9_emailAddress
                                                : NID_serialNumber;
}

static bool field_shares_its_place(const X509_NAME *subject, int position)
{
    int place = X509_NAME_ENTRY_set(X509_NAME_get_entry(subject, position));
    for (int i = 0; i < X509_NAME_entry_count(subject); i++)
        if (i != position && X509_NAME_ENTRY_set(X509_NAME_get_entry(subject, i)) == place)
            return true;
    return false;
}

static void field_search_subject(const X509_NAME *subject, int attribute, struct field_search *search)
{
    for (int i = X509_NAME_get_index_by_NID(subject, attribute, -1); i >= 0;
         i = X509_NAME_get_index_by_NID(subject, attribute, i)) {
        field_note(search, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
        search->is_ambiguous = search->is_ambiguous || field_shares_its_place(subject, i);
    }
}

/* --- The value ---------------------------------------------------------------------------------------- */

/*
 * The types of text that are octets of ASCII where their text is. An implicit rfc822Name has IA5String's
 * tag whatever octets stand there. BMPString and others would need a translation, which is a guess.
 */
static bool field_is_octets(const ASN1_STRING *value)
{
    int type = ASN1_STRING_type(value);
    return type == V_ASN1_IA5STRING || type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING ||
           type == V_ASN1_NUMERICSTRING;
}

/* "*" stands for any name elsewhere, and parts master users from users in some backends. */
static bool field_is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 || text.at[i] >= 0x7f || text.at[i] == '*')
            return false;
    return text.len <= CERTIFICATE_FIELD_OCTETS_MAX;
}

static enum certificate_refusal field_take(const struct field_search *search, struct strbuf *value)
{
    if (search->count == 0)
        return CERTIFICATE_NO_NAME;
    if (search->count > 1)
        return CERTIFICATE_SEVERAL_NAMES;
    if (search->is_ambiguous || search->value == NULL)
        return CERTIFICATE_BAD_NAME;
    struct span text = span_make(ASN1_STRING_get0_data(search->value),
                                 (size_t)ASN1_STRING_length(search->value));
    if (text.len == 0)
        return CERTIFICATE_NO_NAME;
    if (!field_is_octets(search->value) || !field_is_plain(text))
        return CERTIFICATE_BAD_NAME;
    size_t before = value->len;
    strbuf_append_span(value, text);
    if (!strbuf_failed(value))
        return CERTIFICATE_OK;
    strbuf_truncate(value, before);
    return CERTIFICATE_BAD_NAME;
}

enum certificate_refusal certificate_field_read(const X509 *certificate, enum certificate_field field,
                                                struct strbuf *value)
{
    struct field_search search = {.count = 0};
    if (field != CERTIFICATE_RFC822_NAME && field != CERTIFICATE_USER_PRINCIPAL_NAME) {
        field_search_subject(X509_get_subject_name(certificate), field_attribute(field), &search);
        return field_take(&search, value);
    }
    int position = -1;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &position, NULL);
    if (names == NULL) /* -1: no such extension; -2: more than one; else one that can't be read */
        return position == -1   ? CERTIFICATE_NO_NAME
               : position == -2 ? CERTIFICATE_SEVERAL_NAMES
                                : CERTIFICATE_BAD_NAME;
    field_search_names(names, field, &search);
    enum certificate_refusal refusal = field_take(&search, value);
    GENERAL_NAMES_free(names);
    return refusal;
}
