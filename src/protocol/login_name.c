/*
 * Makes canonical logins; see login_name.h. Called with every name that a client gives, from IMAP
 * LOGIN, from SASL and from certificates, before anything is counted, asked or sent under that name.
 */
#include "protocol/login_name.h"

#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum {
    LOGIN_LABEL_MAX = 63,   /* RFC 1035 section 2.3.4 */
    LOGIN_DOMAIN_MAX = 253, /* the longest that fits 255 octets on the wire */
};

static const char *const login_name_texts[] = {
    [LOGIN_NAME_OK] = "ok",
    [LOGIN_NAME_EMPTY] = "empty name",
    [LOGIN_NAME_TOO_LONG] = "name too long",
    [LOGIN_NAME_BAD_CHARACTER] = "name with a forbidden character",
    [LOGIN_NAME_BAD_DOMAIN] = "name with an unknown or malformed domain",
    [LOGIN_NAME_MASTER] = "name of the master user or with its separator",
};

const char *login_name_result_text(enum login_name_result result)
{
    return login_name_texts[result];
}

static bool login_is_ascii(struct span text)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < text.len; i++)
        seen |= text.at[i];
    return seen < 0x80;
}

static bool login_is_letter_or_digit(uint8_t c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9');
}

static void login_append_lower(struct span ascii, struct strbuf *buf)
{
    size_t begin = buf->len;
    strbuf_append_span(buf, ascii);
    for (size_t i = begin; i < buf->len; i++)
        buf->at[i] = (char)ascii_lower((uint8_t)buf->at[i]);
}

/* --- The local part ----------------------------------------------------------------------------- */

/* The ASCII that a local part may hold: atext of RFC 5322 and the dot, without the slash. */
static bool login_is_local_ascii(uint8_t c)
{
    return login_is_letter_or_digit(c) || (c != 0 && strchr("!#$%&'*+-=?^_`{|}~.", c) != NULL);
}

/* "." and ".." are names of directories: a local part holds something else than dots. */
static bool login_is_local(struct span local)
{
    size_t dots = 0;
    for (size_t i = 0; i < local.len; i++) {
        if (local.at[i] < 0x80 && !login_is_local_ascii(local.at[i]))
            return false;
        dots += local.at[i] == '.';
    }
    return dots < local.len;
}

/* Letters, marks and decimal digits; so nothing that is invisible, unassigned or for private use. */
static bool login_is_local_unicode(const UChar *text, int32_t len, UErrorCode *error)
{
    UChar32 points[LOGIN_NAME_LOCAL_MAX];
    int32_t count = 0;
    (void)u_strToUTF32(points, LOGIN_NAME_LOCAL_MAX, &count, text, len, error);
    if (U_FAILURE(*error))
        return false;
    for (int32_t i = 0; i < count; i++)
        if (points[i] >= 0x80 &&
            (U_GET_GC_MASK(points[i]) & (U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK)) == 0)
            return false;
    return true;
}

static enum login_name_result login_icu_result(UErrorCode error)
{
    if (U_SUCCESS(error))
        return LOGIN_NAME_OK;
    return error == U_BUFFER_OVERFLOW_ERROR ? LOGIN_NAME_TOO_LONG : LOGIN_NAME_BAD_CHARACTER;
}

/* Folds with ICU: the slow path for names beyond ASCII. */
static enum login_name_result login_append_unicode(struct span local, struct strbuf *canonical)
{
    UNINITIALIZED UChar typed[LOGIN_NAME_TYPED_MAX];
    UChar folded[LOGIN_NAME_LOCAL_MAX];
    UChar again[LOGIN_NAME_LOCAL_MAX];
    char utf8[LOGIN_NAME_LOCAL_MAX];
    int32_t typed_len = 0;
    int32_t utf8_len = 0;
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2 *folding = unorm2_getNFKCCasefoldInstance(&error);
    (void)u_strFromUTF8(typed, LOGIN_NAME_TYPED_MAX, &typed_len, (const char *)local.at,
                        (int32_t)local.len, &error);
    int32_t len = unorm2_normalize(folding, typed, typed_len, folded, LOGIN_NAME_LOCAL_MAX, &error);
    int32_t again_len = unorm2_normalize(folding, folded, len, again, LOGIN_NAME_LOCAL_MAX, &error);
    (void)u_strToUTF8(utf8, sizeof utf8, &utf8_len, folded, len, &error);
    if (U_FAILURE(error))
        return login_icu_result(error);
    if (again_len != len || u_memcmp(folded, again, len) != 0)
        return LOGIN_NAME_BAD_CHARACTER;
    if (!login_is_local_unicode(folded, len, &error))
        return LOGIN_NAME_BAD_CHARACTER;
    strbuf_append_span(canonical, span_make(utf8, (size_t)utf8_len));
    return LOGIN_NAME_OK;
}

/* Appends the folded local part to an empty buffer. */
static enum login_name_result login_append_local(struct span local, struct strbuf *canonical)
{
    if (login_is_ascii(local)) {
        if (local.len > LOGIN_NAME_LOCAL_MAX)
            return LOGIN_NAME_TOO_LONG;
        login_append_lower(local, canonical);
    } else {
        enum login_name_result result = login_append_unicode(local, canonical);
        if (result != LOGIN_NAME_OK)
            return result;
    }
    if (canonical->len == 0) /* typed so, or made only of what folding drops */
        return LOGIN_NAME_EMPTY;
    return login_is_local(strbuf_span(canonical)) ? LOGIN_NAME_OK : LOGIN_NAME_BAD_CHARACTER;
}

/* --- The domain --------------------------------------------------------------------------------- */

/* Letters, digits and hyphens in labels of 1 to 63 octets without a hyphen at an end. */
static bool login_is_ascii_domain(struct span domain)
{
    if (domain.len > LOGIN_DOMAIN_MAX)
        return false;
    struct span rest = domain;
    while (rest.at != NULL) {
        struct span label = span_cut(&rest, '.');
        if (label.len == 0 || label.len > LOGIN_LABEL_MAX)
            return false;
        if (label.at[0] == '-' || label.at[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!login_is_letter_or_digit(label.at[i]) && label.at[i] != '-')
                return false;
    }
    return true;
}

static bool login_has_a_label(struct span domain)
{
    struct span rest = domain;
    while (rest.at != NULL)
        if (span_starts_nocase(span_cut(&rest, '.'), SPAN("xn--")))
            return true;
    return false;
}

/* UTS 46; returns the length, or 0 when the domain is none. */
static size_t login_domain_to_ascii(struct span domain, char ascii[LOGIN_DOMAIN_MAX])
{
    const uint32_t options = UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                             UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE;
    UErrorCode error = U_ZERO_ERROR;
    UIDNAInfo outcome = UIDNA_INFO_INITIALIZER;
    UIDNA *uts46 = uidna_openUTS46(options, &error);
    int32_t len = uidna_nameToASCII_UTF8(uts46, (const char *)domain.at, (int32_t)domain.len, ascii,
                                         LOGIN_DOMAIN_MAX, &outcome, &error);
    uidna_close(uts46);
    return U_SUCCESS(error) && outcome.errors == 0 && len > 0 ? (size_t)len : 0;
}

bool login_domain_canonicalise(struct span domain, struct strbuf *buf)
{
    char ascii[LOGIN_DOMAIN_MAX];
    struct span mapped = domain;
    if (domain.len == 0 || domain.len > LOGIN_NAME_TYPED_MAX)
        return false;
    if (!login_is_ascii(domain) || login_has_a_label(domain))
        mapped = span_make(ascii, login_domain_to_ascii(domain, ascii));
    if (mapped.len == 0 || !login_is_ascii_domain(mapped))
        return false;
    login_append_lower(mapped, buf);
    return true;
}

/* --- The whole ---------------------------------------------------------------------------------- */

/* The domain that stands for a Windows domain's name; SPAN_NONE when none does. */
static struct span login_find_netbios(struct span name, struct span lines)
{
    while (lines.at != NULL) {
        struct span domain = span_cut(&lines, '\n');
        struct span line_name = span_cut(&domain, '=');
        if (name.len > 0 && span_equal_nocase(name, line_name))
            return domain;
    }
    return SPAN_NONE;
}

/* Cuts "user@domain", "DOMAIN\user" or "user" apart; ret_domain is absent for a name without one. */
static enum login_name_result login_split(struct span typed, const struct login_name_rules *rules,
                                          struct span *ret_local, struct span *ret_domain)
{
    struct span local = typed;
    struct span domain = rules->default_domain.len > 0 ? rules->default_domain : SPAN_NONE;
    if (span_has(typed, '\\')) {
        struct span netbios = span_cut(&local, '\\');
        domain = login_find_netbios(netbios, rules->netbios_domains);
        if (domain.at == NULL)
            return LOGIN_NAME_BAD_DOMAIN;
    } else if (span_has(typed, '@')) {
        domain = typed;
        local = span_cut(&domain, '@');
        if (span_has(domain, '@'))
            return LOGIN_NAME_BAD_CHARACTER;
        if (domain.len == 0)
            return LOGIN_NAME_BAD_DOMAIN;
    }
    if (span_has(local, '\\') || span_has(local, '@'))
        return LOGIN_NAME_BAD_CHARACTER;
    *ret_local = local;
    *ret_domain = domain;
    return LOGIN_NAME_OK;
}

/* Folds parts into canonical, which is empty. */
static enum login_name_result login_join(struct span local, struct span domain,
                                         struct strbuf *canonical)
{
    enum login_name_result result = login_append_local(local, canonical);
    if (result != LOGIN_NAME_OK)
        return result;
    if (domain.at != NULL) {
        strbuf_append_byte(canonical, '@');
        if (!login_domain_canonicalise(domain, canonical))
            return LOGIN_NAME_BAD_DOMAIN;
    }
    return strbuf_failed(canonical) ? LOGIN_NAME_TOO_LONG : LOGIN_NAME_OK;
}

static bool login_has_separator(struct span name, struct span separator)
{
    return separator.len > 0 && name.len >= separator.len &&
           memmem(name.at, name.len, separator.at, separator.len) != NULL;
}

/* True when the canonical name, or its local part, is the master user's. */
static bool login_is_master(struct span canonical, struct span master_user)
{
    auto_strbuf struct strbuf master = STRBUF(LOGIN_OCTETS_MAX);
    struct span domain = master_user;
    struct span local = span_cut(&domain, '@');
    if (master_user.len == 0 || login_join(local, domain, &master) != LOGIN_NAME_OK)
        return false; /* a master user that is no login can't be the same as one */
    struct span rest = canonical;
    struct span canonical_local = span_cut(&rest, '@');
    return span_equal(strbuf_span(&master), canonical) ||
           span_equal(strbuf_span(&master), canonical_local);
}

enum login_name_result login_name_canonicalise(struct span typed,
                                               const struct login_name_rules *rules,
                                               struct strbuf *buf)
{
    struct span local;
    struct span domain;
    auto_strbuf struct strbuf canonical = STRBUF(LOGIN_OCTETS_MAX);
    if (typed.len == 0)
        return LOGIN_NAME_EMPTY;
    if (typed.len > LOGIN_NAME_TYPED_MAX)
        return LOGIN_NAME_TOO_LONG;
    if (login_has_separator(typed, rules->master_separator))
        return LOGIN_NAME_MASTER;
    enum login_name_result result = login_split(typed, rules, &local, &domain);
    if (result == LOGIN_NAME_OK)
        result = login_join(local, domain, &canonical);
    if (result != LOGIN_NAME_OK)
        return result;
    struct span name = strbuf_span(&canonical);
    if (login_has_separator(name, rules->master_separator) ||
        login_is_master(name, rules->master_user))
        return LOGIN_NAME_MASTER;
    strbuf_append_span(buf, name);
    return LOGIN_NAME_OK;
}
