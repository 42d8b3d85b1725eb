/* Tests of policy/login_rules.h and policy/members.h: which rule counts for whom, and lists of users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "policy/login_rules.h"
#include "policy/members.h"

static const struct login_name_rules names = {.default_domain = {(const uint8_t *)"example.org", 11}};

/* --- Members -------------------------------------------------------------------------------------- */

static void fill(struct members *members, const char *lines)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    members_init(members);
    if (!members_add(members, span_of(lines), &names, &why))
        fail_msg("%s", strbuf_text(&why));
    members_finish(members);
}

static void test_members_in_any_spelling(void **state)
{
    (void)state;
    struct members members;
    fill(&members, "# comment\n\n  Bob@Example.ORG \r\nalice\n@Clinic.example\nz\xc3\xb6\xc3\xa9@example.org");
    assert_int_equal(members.count, 4);
    assert_true(members_have(&members, SPAN("alice@example.org"), false));
    assert_true(members_have(&members, SPAN("bob@example.org"), false));
    assert_true(members_have(&members, SPAN("z\xc3\xb6\xc3\xa9@example.org"), false));
    assert_true(members_have(&members, SPAN("anybody@clinic.example"), false));
    assert_false(members_have(&members, SPAN("alice@other.example"), false));
    assert_false(members_have(&members, SPAN("alice@sub.clinic.example"), false));
    assert_false(members_have(&members, SPAN("alic@example.org"), false));
    assert_false(members_have(&members, SPAN("alice"), false));
    assert_false(members_have(&members, SPAN("clinic.example"), false));
    assert_true(members_have(&members, SPAN("alice@other.example"), true));
    assert_true(members_have(&members, SPAN("alice"), true));
    assert_false(members_have(&members, SPAN("anybody@clinic.example"), true));
    assert_false(members_have(&members, SPAN("alic"), true));
    assert_false(members_have(&members, SPAN("zz@example.org"), true));
    members_fini(&members);
}

static void test_an_empty_set_has_nobody(void **state)
{
    (void)state;
    struct members members;
    fill(&members, "");
    assert_false(members_have(&members, SPAN("alice@example.org"), false));
    assert_false(members_have(&members, SPAN("alice"), true));
    members_fini(&members);
}

static void test_every_one_of_many_is_found(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct members members;
    auto_strbuf struct strbuf lines = STRBUF(MEMBERS_OCTETS_MAX);
    for (unsigned i = 0; i < MANY; i++) /* in no order, some local parts twice */
        strbuf_format(&lines, "u%u@d%u.example\n", i * 7919 % MANY / 2, i % 3);
    fill(&members, strbuf_text(&lines));
    assert_int_equal(members.count, MANY);
    struct span rest = strbuf_span(&lines);
    while (rest.at != NULL && rest.len > 0) {
        struct span login = span_cut(&rest, '\n');
        struct span copy = login;
        assert_true(members_have(&members, login, false));
        assert_true(members_have(&members, span_cut(&copy, '@'), true));
    }
    assert_false(members_have(&members, SPAN("u1@d3.example"), false));
    assert_false(members_have(&members, SPAN("u2500@d1.example"), true));
    members_fini(&members);
}

static void test_what_is_no_login_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        const char *why;
    } cases[] = {
        {"alice\n\nbob smith\n", "3: bob smith: "},
        {"@\n", "1: @: is not a domain"},
        {"@exa mple\n", "1: @exa mple: is not a domain"},
        {"a@b@c\n", "1: a@b@c: "},
        {"OTHER\\alice\n", "1: OTHER\\alice: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct members members;
        auto_strbuf struct strbuf why = STRBUF(512);
        members_init(&members);
        assert_false(members_add(&members, span_of(cases[i].lines), &names, &why));
        if (strncmp(strbuf_text(&why), cases[i].why, strlen(cases[i].why)) != 0)
            fail_msg("%s is not %s…", strbuf_text(&why), cases[i].why);
        members_fini(&members);
    }
}

/* --- Rules ---------------------------------------------------------------------------------------- */

static struct login_rules *make_rules(const struct login_rule_facts *facts, size_t count)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    struct login_rules *rules = login_rules_new(&names);
    bool is_good = login_rules_add_group(rules, SPAN("staff"), SPAN("alice\nbob"), SPAN("/f"),
                                         SPAN("carol\n"), &why);
    for (size_t i = 0; is_good && i < count; i++)
        is_good = login_rules_add(rules, &facts[i], &why);
    if (!is_good)
        fail_msg("%s", strbuf_text(&why));
    return rules;
}

static void expect_rule(const struct login_rules *rules, const char *listener, const char *login,
                        const char *name)
{
    const struct login_rule *rule = login_rules_find(rules, span_of(listener), span_of(login), false);
    if (name == NULL)
        assert_null(rule);
    else
        assert_string_equal(rule == NULL ? "none" : rule->name, name);
}

static void test_the_first_rule_that_fits_counts(void **state)
{
    (void)state;
    const struct login_rule_facts facts[] = {
        {.name = SPAN("one"), .users = SPAN("bob"), .listeners = SPAN("a\nb")},
        {.name = SPAN("two"), .groups = SPAN("staff"), .ways = SPAN("certificate\ncertificate+password")},
        {.name = SPAN("three"), .listeners = SPAN("b"), .is_refusing = true},
    };
    struct login_rules *rules = make_rules(facts, 3);
    expect_rule(rules, "a", "bob@example.org", "one");
    expect_rule(rules, "c", "bob@example.org", "two");
    expect_rule(rules, "a", "carol@example.org", "two");
    expect_rule(rules, "a", "dave@example.org", NULL);
    expect_rule(rules, "b", "dave@example.org", "three");
    expect_rule(rules, "ab", "dave@example.org", NULL);
    const struct login_rule *two =
        login_rules_find(rules, SPAN("a"), SPAN("alice@example.org"), false);
    assert_int_equal(two->way_count, 2);
    assert_int_equal(two->ways[1], FACTOR_CERTIFICATE | FACTOR_PASSWORD);
    login_rules_free(rules);
}

static void test_what_can_t_be_read(void **state)
{
    (void)state;
    const struct login_rule_facts bad[] = {
        {.name = SPAN("r"), .groups = SPAN("missing")},
        {.name = SPAN("r"), .ways = SPAN("nonsense")},
        {.name = SPAN("r"), .users = SPAN("a b")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        auto_strbuf struct strbuf why = STRBUF(512);
        struct login_rules *rules = login_rules_new(&names);
        assert_false(login_rules_add(rules, &bad[i], &why));
        assert_true(why.len > 0);
        login_rules_free(rules);
    }
}

/* An empty group would let all its users past the rule. */
static void test_an_empty_group_is_refused(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(512);
    struct login_rules *rules = login_rules_new(&names);
    assert_false(login_rules_add_group(rules, SPAN("staff"), SPAN_NONE, SPAN("/f"), SPAN("# all gone\n"),
                                       &why));
    assert_string_equal(strbuf_text(&why), "group staff names nobody");
    login_rules_free(rules);
}

static void test_more_rules_and_groups_than_there_may_be(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(4096);
    struct login_rules *rules = login_rules_new(&names);
    const struct login_rule_facts facts = {.name = SPAN("r"), .users = SPAN("alice")};
    for (int i = 0; i < LOGIN_RULES_MAX; i++)
        assert_true(login_rules_add(rules, &facts, &why));
    assert_false(login_rules_add(rules, &facts, &why));
    for (int i = 0; i < LOGIN_GROUPS_MAX; i++)
        assert_true(login_rules_add_group(rules, SPAN("g"), SPAN("a"), SPAN_NONE, SPAN_NONE, &why));
    assert_false(login_rules_add_group(rules, SPAN("g"), SPAN("a"), SPAN_NONE, SPAN_NONE, &why));
    login_rules_free(rules);
}

static void test_ways(void **state)
{
    (void)state;
    const unsigned ways[] = {FACTOR_CERTIFICATE | FACTOR_PASSWORD, FACTOR_OAUTH, FACTOR_CERTIFICATE};
    assert_int_equal(ways_find(ways, 3, FACTOR_CERTIFICATE, 0), FACTOR_CERTIFICATE);
    assert_int_equal(ways_find(ways, 3, FACTOR_CERTIFICATE | FACTOR_PASSWORD, 0), ways[0]);
    assert_int_equal(ways_find(ways, 3, FACTOR_CERTIFICATE | FACTOR_OAUTH, FACTOR_CERTIFICATE), ways[2]);
    assert_int_equal(ways_find(ways, 3, FACTOR_PASSWORD, 0), 0);
    assert_int_equal(ways_find(ways, 0, 7, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_in_any_spelling),
        cmocka_unit_test(test_an_empty_set_has_nobody),
        cmocka_unit_test(test_every_one_of_many_is_found),
        cmocka_unit_test(test_what_is_no_login_is_named_with_its_line),
        cmocka_unit_test(test_the_first_rule_that_fits_counts),
        cmocka_unit_test(test_what_can_t_be_read),
        cmocka_unit_test(test_an_empty_group_is_refused),
        cmocka_unit_test(test_more_rules_and_groups_than_there_may_be),
        cmocka_unit_test(test_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
