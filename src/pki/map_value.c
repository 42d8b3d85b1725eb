/*
 * Writes what a map file's row or a certificate is known by; see map_value.h. Called from map_file.c for
 * every row, and for every certificate that is looked up.
 */
#include "pki/map_value.h"

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "pki/issuer.h"
#include "pki/key_identity.h"

enum { MAP_NAME_MAX = 2048 /* a longer issuer fits no row's line */ };

/* --- Parts of a row -------------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct span map_trim(struct span text)
{
    while (text.len > 0 && is_blank(text.at[0]))
        text = span_from(text, 1);
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

struct span map_take_word(struct span *rest)
{
    size_t len = 0;
    while (len < rest->len && !is_blank(rest->at[len]))
        len++;
    struct span word = span_first(*rest, len);
    *rest = map_trim(span_from(*rest, len));
    return word;
}

static int hex_value(uint8_t c)
{
    uint8_t lower = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Digits, with or without colons between octets. False when there are fewer than least, or more than most. */
static bool take_octets(struct span digits, size_t least, size_t most, uint8_t *octets, size_t *ret_count)
{
    size_t count = 0;
    for (; digits.len >= 2 && count < most; count++) {
        int high = hex_value(digits.at[0]);
        int low = hex_value(digits.at[1]);
        if (high < 0 || low < 0)
            return false;
        octets[count] = (uint8_t)(high << 4 | low);
        digits = span_from(digits, 2);
        if (digits.len > 2 && digits.at[0] == ':')
            digits = span_from(digits, 1);
    }
    *ret_count = count;
    return digits.len == 0 && count >= least;
}

/* --- Values, of rows and of certificates ------------------------------------------------------------ */

static void append_serial(struct span octets, struct span issuer, struct strbuf *value)
{
    strbuf_append_hex(value, octets);
    strbuf_append_byte(value, ' ');
    strbuf_append_span(value, issuer);
}

static bool row_key(struct span text, struct strbuf *value)
{
    uint8_t octets[KEY_IDENTITY_SIZE];
    size_t count;
    if (!take_octets(text, sizeof octets, sizeof octets, octets, &count))
        return false;
    strbuf_append_hex(value, span_make(octets, count));
    return true;
}

/* Zeros before a number don't count. */
static bool row_serial(struct span text, struct strbuf *value)
{
    uint8_t octets[SERIAL_MAX + 1];
    size_t count;
    struct span digits = map_take_word(&text);
    if (text.len == 0 || !take_octets(digits, 1, sizeof octets, octets, &count))
        return false;
    struct span number = span_make(octets, count);
    while (number.len > 0 && number.at[0] == 0)
        number = span_from(number, 1);
    append_serial(number, text, value);
    return true;
}

static bool row_subject(struct span text, struct strbuf *value)
{
    strbuf_append_span(value, text);
    return text.len > 0;
}

/* RFC 2253: of two different names no two are written alike, since all that could part them is escaped. */
static bool append_name(const X509_NAME *name, struct strbuf *value)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return false;
    bool is_printed = X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0;
    long len = BIO_get_mem_data(bio, &text);
    if (is_printed && len > 0)
        strbuf_append_span(value, span_make(text, (size_t)len));
    BIO_free(bio);
    return is_printed && len > 0;
}

static bool certificate_key(const X509 *certificate, struct strbuf *value)
{
    uint8_t identity[KEY_IDENTITY_SIZE];
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (key == NULL || !key_identify(key, identity))
        return false;
    strbuf_append_hex(value, span_make(identity, sizeof identity));
    return true;
}

static bool certificate_serial(const X509 *certificate, struct strbuf *value)
{
    auto_strbuf struct strbuf issuer = STRBUF(MAP_NAME_MAX);
    struct span number;
    if (!serial_read(X509_get0_serialNumber(certificate), &number) ||
        !append_name(X509_get_issuer_name(certificate), &issuer) || strbuf_failed(&issuer))
        return false;
    append_serial(number, strbuf_span(&issuer), value);
    return true;
}

static bool certificate_subject(const X509 *certificate, struct strbuf *value)
{
    return append_name(X509_get_subject_name(certificate), value);
}

static const struct {
    const char *name;
    bool (*of_row)(struct span text, struct strbuf *value);
    bool (*of_certificate)(const X509 *certificate, struct strbuf *value);
} map_kinds[MAP_KIND_COUNT] = {
    [MAP_KEY] = {"key", row_key, certificate_key},
    [MAP_SERIAL] = {"serial", row_serial, certificate_serial},
    [MAP_SUBJECT] = {"subject", row_subject, certificate_subject},
};

static void append_kind(enum map_kind kind, struct strbuf *value)
{
    strbuf_append(value, map_kinds[kind].name);
    strbuf_append_byte(value, ' ');
}

enum map_kind map_kind_find(struct span name)
{
    enum map_kind kind = MAP_KEY;
    while (kind < MAP_KIND_COUNT && !span_equal(span_of(map_kinds[kind].name), name))
        kind++;
    return kind;
}

bool map_value_of_row(enum map_kind kind, struct span text, struct strbuf *value)
{
    append_kind(kind, value);
    return map_kinds[kind].of_row(text, value);
}

bool map_value_of_certificate(enum map_kind kind, const X509 *certificate, struct strbuf *value)
{
    append_kind(kind, value);
    return map_kinds[kind].of_certificate(certificate, value) && !strbuf_failed(value);
}
