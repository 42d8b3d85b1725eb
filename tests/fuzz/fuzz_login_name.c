/*
 * A name as somebody typed it; the first octet chooses the rules. Claims: a canonical login is
 * canonical (the same again, with these rules and with none), holds only what login_name.h says, and
 * is not the master user's; the case of ASCII letters changes nothing; a refusal leaves the buffer
 * alone. The same for domains.
 */
#include "base/utf8.h"
#include "fuzz.h"
#include "protocol/login_name.h"

static struct login_name_rules rules_chosen(unsigned choice)
{
    struct login_name_rules rules = {.default_domain = SPAN_NONE};
    if (choice & 1)
        rules.default_domain = SPAN("example.org");
    if (choice & 2)
        rules.netbios_domains = SPAN("CORP=example.org\nLAB=xn--bcher-kva.example");
    if (choice & 4)
        rules.master_user = choice & 8 ? SPAN("Postern@Example.org") : SPAN("POSTERN");
    if (choice & 16)
        rules.master_separator = SPAN("*");
    return rules;
}

static void check_domain_octets(struct span domain)
{
    invariant(domain.len > 0 && domain.len <= 253);
    for (size_t i = 0; i < domain.len; i++) {
        uint8_t c = domain.at[i];
        invariant((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.');
    }
}

static void check_octets(struct span login, const struct login_name_rules *rules)
{
    invariant(login.len > 0 && login.len <= LOGIN_OCTETS_MAX && utf8_is_clean(login));
    for (size_t i = 0; i < login.len; i++) {
        uint8_t c = login.at[i];
        invariant(c > 0x20 && c != 0x7f && c != '\\' && c != '/' && c != '"' && c != '(' && c != ',');
        invariant(c != '*' || rules->master_separator.len == 0);
        invariant(c < 'A' || c > 'Z');
    }
    struct span domain = login;
    struct span local = span_cut(&domain, '@');
    invariant(local.len > 0 && local.len <= LOGIN_NAME_LOCAL_MAX && !span_has(domain, '@'));
    if (domain.at != NULL)
        check_domain_octets(domain);
    else
        invariant(rules->default_domain.len == 0);
    if (rules->master_user.len == 7)
        invariant(!span_equal(local, SPAN("postern")));
    if (rules->master_user.len > 0)
        invariant(!span_equal(login, SPAN("postern@example.org")));
}

static void check_again(struct span login, const struct login_name_rules *rules)
{
    auto_strbuf struct strbuf again = STRBUF(LOGIN_OCTETS_MAX);
    invariant(login_name_canonicalise(login, rules, &again) == LOGIN_NAME_OK);
    invariant(span_equal(strbuf_span(&again), login));
}

static void check_upper_case(struct span typed, const struct login_name_rules *rules,
                             enum login_name_result expected, struct span login)
{
    auto_strbuf struct strbuf upper = STRBUF(1 << 16);
    auto_strbuf struct strbuf canonical = STRBUF(LOGIN_OCTETS_MAX);
    for (size_t i = 0; i < typed.len; i++) {
        uint8_t c = typed.at[i];
        strbuf_append_byte(&upper, c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c);
    }
    if (strbuf_failed(&upper))
        return;
    invariant(login_name_canonicalise(strbuf_span(&upper), rules, &canonical) == expected);
    invariant(span_equal(strbuf_span(&canonical), login));
}

static void check_name(struct span typed, const struct login_name_rules *rules)
{
    static const struct login_name_rules none;
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    enum login_name_result result = login_name_canonicalise(typed, rules, &login);
    invariant(!strbuf_failed(&login));
    invariant((result == LOGIN_NAME_OK) == (login.len > 0));
    check_upper_case(typed, rules, result, strbuf_span(&login));
    if (result != LOGIN_NAME_OK)
        return;
    check_octets(strbuf_span(&login), rules);
    check_again(strbuf_span(&login), rules);
    check_again(strbuf_span(&login), &none);
}

static void check_domain(struct span typed)
{
    auto_strbuf struct strbuf domain = STRBUF(LOGIN_OCTETS_MAX);
    auto_strbuf struct strbuf again = STRBUF(LOGIN_OCTETS_MAX);
    bool is_one = login_domain_canonicalise(typed, &domain);
    invariant(is_one == (domain.len > 0));
    if (!is_one)
        return;
    check_domain_octets(strbuf_span(&domain));
    invariant(login_domain_canonicalise(strbuf_span(&domain), &again));
    invariant(span_equal(strbuf_span(&again), strbuf_span(&domain)));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    if (len == 0)
        return 0;
    struct login_name_rules rules = rules_chosen(octets[0]);
    check_name(span_make(octets + 1, len - 1), &rules);
    check_domain(span_make(octets + 1, len - 1));
    return 0;
}
