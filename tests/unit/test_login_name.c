/* Tests of protocol/login_name.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/login_name.h"

static struct login_name_rules rules;
static const struct login_name_rules no_rules;

static int set_rules(void **state)
{
    (void)state;
    rules = (struct login_name_rules){
        .default_domain = SPAN("example.org"),
        .netbios_domains = SPAN("CORP=example.org\nLAB=lab.example.net"),
        .master_user = SPAN("postern"),
        .master_separator = SPAN("*"),
    };
    return 0;
}

static const struct {
    const char *typed;
    const char *canonical;
} accepted[] = {
    {"alice", "alice@example.org"},
    {"Alice", "alice@example.org"},
    {"alice@EXAMPLE.ORG", "alice@example.org"},
    {"CORP\\alice", "alice@example.org"},
    {"corp\\ALICE", "alice@example.org"},
    {"lab\\alice", "alice@lab.example.net"},
    {"ａｌｉｃｅ", "alice@example.org"},
    {"ＡLICE@example。org", "alice@example.org"},
    {"ali\u00adce", "alice@example.org"}, /* soft hyphen: ignorable */
    {"alice@localhost", "alice@localhost"},
    {"alice+tag@example.org", "alice+tag@example.org"},
    {"o'brien-smith_x.y", "o'brien-smith_x.y@example.org"},
    {"ren\u00e9", "ren\u00e9@example.org"},
    {"rene\u0301", "ren\u00e9@example.org"},
    {"RENÉ", "ren\u00e9@example.org"},
    {"straße", "strasse@example.org"}, /* full case folding */
    {"ﬁnn", "finn@example.org"},
    {"ΣΊΣΥΦΟΣ", "σίσυφοσ@example.org"},
    {"\u202e" "alice", "alice@example.org"}, /* a direction override is ignorable, too */
    {"用户", "用户@example.org"},
    {"a@straße.de", "a@xn--strae-oqa.de"}, /* non-transitional: not strasse.de */
    {"a@XN--STRAE-OQA.DE", "a@xn--strae-oqa.de"},
    {"a@bücher.example", "a@xn--bcher-kva.example"},
    {"a@BU\u0308CHER.example", "a@xn--bcher-kva.example"},
    {"a@r3---sn.example", "a@r3---sn.example"},
    {"posternx", "posternx@example.org"},
    {"a@postern", "a@postern"},
};

static void assert_refused(struct span typed, const struct login_name_rules *with,
                           enum login_name_result expected)
{
    auto_strbuf struct strbuf buf = STRBUF(512);
    strbuf_append(&buf, "before");
    assert_int_equal(login_name_canonicalise(typed, with, &buf), expected);
    assert_string_equal(strbuf_text(&buf), "before");
    assert_false(strbuf_failed(&buf));
    assert_true(strlen(login_name_result_text(expected)) > 0);
}

static enum login_name_result canonicalise(const char *typed, const struct login_name_rules *with,
                                           struct strbuf *buf)
{
    return login_name_canonicalise(span_of(typed), with, buf);
}

static void test_spellings_become_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        auto_strbuf struct strbuf once = STRBUF(512);
        auto_strbuf struct strbuf twice = STRBUF(512);
        assert_int_equal(canonicalise(accepted[i].typed, &rules, &once), LOGIN_NAME_OK);
        assert_string_equal(strbuf_text(&once), accepted[i].canonical);
        assert_int_equal(login_name_canonicalise(strbuf_span(&once), &rules, &twice),
                         LOGIN_NAME_OK);
        assert_string_equal(strbuf_text(&twice), accepted[i].canonical);
    }
}

static void test_a_name_without_domain_stays_so(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(512);
    assert_int_equal(canonicalise("Alice", &no_rules, &buf), LOGIN_NAME_OK);
    assert_string_equal(strbuf_text(&buf), "alice");
    assert_int_equal(canonicalise("*", &no_rules, &buf), LOGIN_NAME_OK);
    assert_string_equal(strbuf_text(&buf), "alice*"); /* appended; no separator, no master */
}

static void test_the_master_user_is_nobody(void **state)
{
    (void)state;
    static const char *const typed[] = {
        "alice*postern",
        "postern",
        "POSTERN",
        "ｐｏｓｔｅｒｎ",
        "postern@example.org",
        "Postern@elsewhere.example",
        "CORP\\postern",
        "*",
        "alice＊postern",
        "*postern",
        "alice*",
        "po\u00adstern",
        "po\u017ftern", /* the long s folds to s */
        "alice@example.org*postern",
    };
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
        assert_refused(span_of(typed[i]), &rules, LOGIN_NAME_MASTER);
    assert_refused(span_of("alice@example.org＊postern"), &rules, LOGIN_NAME_BAD_DOMAIN);
    assert_refused(SPAN("alice\0postern\0pw"), &rules, LOGIN_NAME_BAD_CHARACTER);
    assert_refused(SPAN("postern\0"), &rules, LOGIN_NAME_BAD_CHARACTER);
}

static void test_a_master_user_with_a_domain(void **state)
{
    (void)state;
    const struct login_name_rules with_domain = {.default_domain = SPAN("example.org"),
                                                 .master_user = SPAN("Postern@EXAMPLE.org")};
    auto_strbuf struct strbuf buf = STRBUF(512);
    assert_refused(SPAN("postern"), &with_domain, LOGIN_NAME_MASTER);
    assert_refused(SPAN("postern@example.ORG"), &with_domain, LOGIN_NAME_MASTER);
    assert_int_equal(canonicalise("postern@other.example", &with_domain, &buf), LOGIN_NAME_OK);
}

static void test_characters_that_no_login_holds(void **state)
{
    (void)state;
    const struct span typed[] = {
        SPAN(" alice"),
        SPAN("alice "),
        SPAN("al ice"),
        SPAN("alice\r\n"),
        SPAN("alice\x7f"),
        SPAN("a\0b"),
        SPAN("alice\t"),
        SPAN("\"alice\""),
        SPAN("a(b)c"),
        SPAN("a,b"),
        SPAN("a/b"),
        SPAN("."),
        SPAN(".."),
        SPAN("..@example.org"),
        SPAN("alice@a@b"),
        SPAN("CORP\\a\\b"),
        SPAN("CORP\\alice@example.org"),
        SPAN("al\xffice"),
        SPAN("al\xc0\x80ice"),                /* overlong NUL */
        SPAN("\xed\xa0\x80"),                /* surrogate */
        SPAN("al\xe2\x80\xa8ice"),           /* line separator */
        SPAN("al\xc2\x85ice"),               /* next line, C1 */
        SPAN("alice\xef\xbc\xa0z.example"),  /* full-width @ */
        SPAN("CORP\xef\xbc\xbc" "alice"),    /* full-width backslash */
        SPAN("al\xe2\x84\x80ice"),           /* a/c as one sign */
        SPAN("\xee\x80\x80"),                /* private use */
        SPAN("\xcd\xb8"),                    /* unassigned */
        SPAN("\xf0\x9f\x98\x80"),            /* a symbol */
        SPAN("al\xc2\xa0ice"),               /* no-break space folds to space */
        SPAN("\xe3\x80\x80"),                /* ideographic space */
    };
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
        assert_refused(typed[i], &rules, LOGIN_NAME_BAD_CHARACTER);
}

static void test_empty_and_long_names(void **state)
{
    (void)state;
    static char x[LOGIN_NAME_TYPED_MAX + 1];
    auto_strbuf struct strbuf buf = STRBUF(512);
    memset(x, 'x', sizeof x);
    assert_refused(SPAN_NONE, &rules, LOGIN_NAME_EMPTY);
    assert_refused(SPAN("@example.org"), &rules, LOGIN_NAME_EMPTY);
    assert_refused(SPAN("CORP\\"), &rules, LOGIN_NAME_EMPTY);
    assert_refused(SPAN("\xc2\xad"), &rules, LOGIN_NAME_EMPTY); /* a soft hyphen alone */
    assert_int_equal(login_name_canonicalise(span_make(x, LOGIN_NAME_LOCAL_MAX), &rules, &buf),
                     LOGIN_NAME_OK);
    assert_refused(span_make(x, LOGIN_NAME_LOCAL_MAX + 1), &rules, LOGIN_NAME_TOO_LONG);
    assert_refused(span_make(x, sizeof x), &rules, LOGIN_NAME_TOO_LONG);
    /* 44 letters of two octets each fold to 88: over 64, though under 64 code units. */
    strbuf_reset(&buf);
    for (int i = 0; i < 44; i++)
        strbuf_append(&buf, "\xc3\xa9");
    assert_refused(strbuf_span(&buf), &rules, LOGIN_NAME_TOO_LONG);
    strbuf_reset(&buf);
    for (int i = 0; i < 10; i++)
        strbuf_append(&buf, "\xef\xb7\xba"); /* one ligature of 18 letters */
    assert_refused(strbuf_span(&buf), &rules, LOGIN_NAME_TOO_LONG);
}

static void test_domains(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",       ".",         "org.",      ".org",       "a..b",    "-a.org",     "a-.org",
        "a b",    "a_b.org",   "a\nb",      "[192.0.2.1]", "a@b",    "xn--abc-.org", "xn--.org",
        "xn--a-ecp.ru", "exa mple", "a*b",  "a/b",        "\xff.org", "\u00ad",
        "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd.org",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        auto_strbuf struct strbuf buf = STRBUF(512);
        assert_false(login_domain_canonicalise(span_of(refused[i]), &buf));
        assert_int_equal(buf.len, 0);
    }
    auto_strbuf struct strbuf buf = STRBUF(512);
    assert_true(login_domain_canonicalise(SPAN("MAIL.Example.Org"), &buf));
    assert_string_equal(strbuf_text(&buf), "mail.example.org");
    assert_refused(SPAN("alice@"), &rules, LOGIN_NAME_BAD_DOMAIN);
    assert_refused(SPAN("OTHER\\alice"), &rules, LOGIN_NAME_BAD_DOMAIN);
    assert_refused(SPAN("\\alice"), &rules, LOGIN_NAME_BAD_DOMAIN);
    assert_refused(SPAN("alice@example.org."), &rules, LOGIN_NAME_BAD_DOMAIN);
    assert_refused(SPAN("a@example\0.org"), &rules, LOGIN_NAME_BAD_DOMAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings_become_one),
        cmocka_unit_test(test_a_name_without_domain_stays_so),
        cmocka_unit_test(test_the_master_user_is_nobody),
        cmocka_unit_test(test_a_master_user_with_a_domain),
        cmocka_unit_test(test_characters_that_no_login_holds),
        cmocka_unit_test(test_empty_and_long_names),
        cmocka_unit_test(test_domains),
    };
    return cmocka_run_group_tests(tests, set_rules, NULL);
}
