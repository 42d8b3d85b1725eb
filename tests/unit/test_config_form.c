/* Tests of config/scan.h: the form of postern.conf, before any value is looked at. */
#include "config_case.h"

static void test_what_is_well_formed(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST REST, ""},
        {"# a comment\n// another\n/* a\n long\n one */" HOST REST, ""},
        {"hostname=mail.example.org # to the end\n" REST, ""},
        {"hostname = 'mail.example.org'\r\n" REST, ""},
        {"hostname = \"mail.example.org\"//x\n" REST, ""},
        {HOST "domains = {}\n" REST, ""},
        {HOST "domains = a.example\n" REST, ""},
        {HOST "domains = {a.example, \"b.example\", 'c.example',}\n" REST, ""},
        {HOST "domains =\n{\n  # first\n  a.example,\n  b.example }\n" REST, ""},
        {HOST "login { } limits{}" REST, ""},
        {REST HOST, ""},
        {HOST TLS "backend \"b\" { address = '[::1]:143' }" LISTENER("{password}"), ""},
    };
    EXPECT_CASES(cases);
}

static void test_words(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST "control = /run/a*x\n" REST,
         "f:2: \"*\" in a value without quotes would be lost; put the value in quotes\n"},
        {HOST "control = /run/a*\n" REST,
         "f:2: \"*\" in a value without quotes would be lost; put the value in quotes\n"},
        {HOST "control = /run/x/*y\n" REST,
         "f:2: \"/*\" in a value without quotes would begin a comment; put the value in quotes\n"},
        {HOST "control = /run#x\n" REST, "f:2: \"#\" in a value without quotes would begin a "
                                         "comment; put the value in quotes, or a "
                                         "space before the comment\n"},
        {HOST "control = ${HOME}/control\n" REST,
         "f:2: \"${\" would be replaced from the environment; write the value itself\n"},
        {HOST "tls { certificate = /${A key = /k }\n" BACKEND LISTENER("password"),
         "f:2: \"${\" would be replaced from the environment; write the value itself\n"},
        {HOST "control = /a\\b\n" REST,
         "f:2: a backslash in a value without quotes; put the value in quotes, and write \\\\\n"},
        {HOST "control = /a\"b = c\"\n" REST,
         "f:2: a quote in the middle of a value; put the whole value in quotes\n"},
        {HOST TLS_CA BACKEND LISTENER("certificate+password"),
         "f:4: \"+\" in a value without quotes would be lost; put the value in quotes\n"},
        {HOST "domains += {a.example}\n" REST,
         "f:2: \"+=\" is not used here; write = and the whole list\n"},
        {HOST "include(\"/etc/passwd\")\n" REST,
         "f:2: there are no functions such as include(); write the settings here\n"},
        {HOST "control = /a\x01"
              "b\n" REST,
         "f:2: octet 0x01; write printable characters only\n"},
        {HOST "control = /var lib\n" REST, "f:2: \"lib\" is out of place here; write NAME = VALUE, "
                                           "with the value in quotes if it has "
                                           "spaces\n"},
        {HOST "control = /m\xc3\xbcll\n \xa0 = x\n" REST,
         "f:3: there is no setting \"\\xa0\" outside sections; write one of: hostname, domains, "
         "state, "
         "language, control, empty_root, gate_user, keeper_user, broker_user, operators, gates, drain\n"},
    };
    EXPECT_CASES(cases);
}

static void test_quotes(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST "control = \"/a\\nb\"\n" REST,
         "f:2: \"\\n\" is no known escape; write \\\\ for a backslash and \\\" for a quote\n"},
        {HOST "control = '/a\\x41'\n" REST,
         "f:2: \"\\x\" is no known escape; write \\\\ for a backslash and \\' for a quote\n"},
        {HOST "control = \"/a\\\n/b\"\nlanguage = en\n" REST,
         "f:2: \"\\\" is no known escape; write \\\\ for a backslash and \\\" for a quote\n"
         "f:3: a quote in the middle of a value; put the whole value in quotes\n"},
        {HOST "control = \"/${HOME:-x}\"\n" REST,
         "f:2: \"${\" would be replaced from the environment; write the value itself\n"},
        {HOST "control = '/${HOME}'\n" REST, ""},
        {HOST "control = \"/a\nlanguage = de\n" REST,
         "f:2: the quote that begins here does not end on its line; write a closing \"\n"
         "f:3: language \"de\" is not known here; write en or fr\n"},
        {HOST "control = \"/a\tb\"\n" REST,
         "f:2: octet 0x09 in quotes; write printable characters only\n"},
        {HOST "control = \"/*#{}=,\\\\\\\"\"\n" REST, ""},
    };
    EXPECT_CASES(cases);
}

static void test_lists_and_assignments(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST "domains = {a.example b.example}\n" REST,
         "f:2: two values of \"domains\" with nothing between them; write a comma\n"},
        {HOST "domains = {a.example,,b.example}\n" REST,
         "f:2: a value of \"domains\" is missing before the comma; write it\n"},
        {HOST "domains = {a.example,\n  b.example\nlanguage = de\n" REST,
         "f:4: the list \"domains\" is not closed before this; write } after its values\n"
         "f:4: language \"de\" is not known here; write en or fr\n"},
        {HOST "domains = {a.example, {b.example}}\n" REST,
         "f:2: the list \"domains\" is not closed before this; write } after its values\n"
         "f:2: \"{\" is out of place here; write NAME = VALUE, with the value in quotes if it has "
         "spaces\n"
         "f:2: \"b.example\" is out of place here; write NAME = VALUE, with the value in quotes if "
         "it "
         "has spaces\n"
         "f:2: this } closes nothing; take it out, or write { where its section begins\n"
         "f:2: this } closes nothing; take it out, or write { where its section begins\n"},
        {HOST "language = {fr}\n" REST,
         "f:2: language takes one value, not a list; write language = VALUE without braces\n"},
        {HOST "language =\ncontrol = x\n" REST,
         "f:2: \"language\" has no value in its line; write it after the =\n"
         "f:3: control \"x\" is not the path of a file; write an absolute path such as "
         "/etc/postern/x\n"},
        {HOST "login { default_domain = }\n" REST,
         "f:2: \"default_domain\" has no value in its line; write it after the =\n"},
        {HOST "domains {a.example}\n" REST, "f:2: domains has no =; write domains = VALUE\n"},
        {HOST "language\n" REST, "f:2: \"language\" is out of place here; write NAME = VALUE, with "
                                 "the value in quotes if it "
                                 "has spaces\n"},
        {HOST "\"language\" = en\n" REST,
         "f:2: \"language\" is out of place here; write NAME = VALUE, with the value in quotes if "
         "it "
         "has spaces\n"
         "f:2: \"=\" is out of place here; write NAME = VALUE, with the value in quotes if it has "
         "spaces\n"
         "f:2: \"en\" is out of place here; write NAME = VALUE, with the value in quotes if it has "
         "spaces\n"},
        {HOST "bogus = {a, b} language = de\n" REST,
         "f:2: there is no setting \"bogus\" outside sections; write one of: hostname, domains, "
         "state, "
         "language, control, empty_root, gate_user, keeper_user, broker_user, operators, gates, drain\n"
         "f:2: language \"de\" is not known here; write en or fr\n"},
    };
    EXPECT_CASES(cases);
}

static void test_what_stands_twice(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST HOST REST,
         "f:2: hostname is given a second time (first in line 1); keep one of them\n"},
        {HOST "domains = {}\ndomains = {}\n" REST,
         "f:3: domains is given a second time (first in line 2); keep one of them\n"},
        {HOST REST "tls { bogus = 1 }\n",
         "f:5: section tls begins a second time (first in line 2); make them one\n"},
        {HOST REST BACKEND,
         "f:5: section backend b begins a second time (first in line 3); make them "
         "one\n"},
        {HOST "language = de\nlanguage = fr\n" REST,
         "f:2: language \"de\" is not known here; write en or fr\n"
         "f:3: language is given a second time (first in line 2); keep one of them\n"},
    };
    EXPECT_CASES(cases);
}

static void test_sections(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST REST "access internet { allow = {x} geoip { a = b } }\n",
         "f:5: there is no section \"access\"; write one of: tls, client_ca, login, limits, "
         "journal, backend, listener, group, login_rule\n"},
        {HOST REST "login x { }\n",
         "f:5: section login has no name of its own; write login {...}\n"},
        {HOST REST "listener { }\n",
         "f:5: this section listener has no name; write listener NAME {...}\n"},
        {HOST REST "backend \"a b\" { }\n",
         "f:5: \"a b\" can't name a section; write at most 64 letters, digits, - and _\n"},
        {HOST REST "backend \"\" { }\n",
         "f:5: \"\" can't name a section; write at most 64 letters, digits, - and _\n"},
        {HOST REST "}\n",
         "f:5: this } closes nothing; take it out, or write { where its section begins\n"},
        {HOST "limits { idle = 1h\n" REST,
         "f:3: section tls begins before section limits (line 2) is closed; write } before it\n"},
        {HOST REST "limits { idle = 1\n",
         "f:5: \"limits\" opens a brace that is never closed; write } at "
         "its end\n"},
        {HOST REST "bogus { {\n",
         "f:5: there is no section \"bogus\"; write one of: tls, client_ca, login, limits, journal, "
         "backend, listener, group, login_rule\n"
         "f:5: \"bogus\" opens a brace that is never closed; write } at its end\n"},
        {HOST "listener x { login { password } }\n" REST,
         "f:2: login has no =; write login = VALUE\n"
         "f:2: section listener x has no bind; write bind = ...\n"
         "f:2: section listener x has no protocol; write protocol = ...\n"
         "f:2: section listener x has no tls; write tls = ...\n"
         "f:2: section listener x has no backend; write backend = ...\n"},
        {HOST "listener\nx {}\n" REST,
         "f:2: \"listener\" is out of place here; write NAME = VALUE, with the value in quotes if "
         "it has "
         "spaces\n"
         "f:3: there is no section \"x\"; write one of: tls, client_ca, login, limits, journal, "
         "backend, listener, group, login_rule\n"},
        {HOST REST "/* limits { }",
         "f:5: a comment begins here and never ends; write */ after it\n"},
        {HOST,
         "f:1: there is no section tls; write tls {...} with certificate and key\n"
         "f:1: there is no listener, so nobody can connect; write a section listener NAME {...}\n"},
    };
    EXPECT_CASES(cases);
}

static void test_octets(void **state)
{
    (void)state;
    auto_strbuf struct strbuf errors = STRBUF(1024);
    assert_null(config_read_text("f", SPAN("hostname = a\nb\0c\n"), CONFIG_FILES_ASSUMED, &errors));
    assert_string_equal(strbuf_text(&errors),
                        "f:2: octet 0x00: this is no text file; write plain text\n");
    static const struct config_case cases[] = {
        {"\xef\xbb\xbf" HOST REST,
         "f:1: the file begins with a byte order mark; save it as UTF-8 without one\n"},
    };
    EXPECT_CASES(cases);
}

/* Appends text count times. */
static void repeat(struct strbuf *buf, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_append(buf, text);
}

static void test_caps(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(1 << 20);
    strbuf_append(&text, HOST "control = /");
    repeat(&text, "a", 2000);
    strbuf_append(&text, "\ndomains = {");
    repeat(&text, "a,", 257);
    strbuf_append(&text, "}\n" REST);
    expect_case(&(struct config_case){strbuf_text(&text),
                                      "f:2: a value of 2001 octets; write at most 1024\n"
                                      "f:3: domains has 257 values; write at most 256\n"});
    strbuf_reset(&text);
    strbuf_append(&text, HOST REST);
    for (int i = 0; i < 64; i++)
        strbuf_format(&text, "backend x%d { address = \"[::1]:1\" }\n", i);
    strbuf_append(
        &text, "listener y { bind = \"[::1]:1\" protocol = imap tls = implicit backend = x0 login "
               "= password }\n");
    auto_strbuf struct strbuf errors = STRBUF(1 << 20);
    for (int i = 1; i < 63; i++)
        strbuf_format(&errors,
                      "f:%d: backend x%d is used by no listener; name it in one, or take it out\n",
                      i + 5, i);
    strbuf_append(&errors, "f:68: more than 64 sections backend; keep at most that many\n");
    expect_case(&(struct config_case){strbuf_text(&text), strbuf_text(&errors)});
}

static void test_mistakes_are_capped(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(1 << 20);
    auto_strbuf struct strbuf errors = STRBUF(1 << 20);
    repeat(&text, "}\n", 1000);
    assert_null(config_read_text("f", strbuf_span(&text), CONFIG_FILES_ASSUMED, &errors));
    assert_non_null(strstr(strbuf_text(&errors), "f:200: this } closes nothing"));
    assert_null(strstr(strbuf_text(&errors), "f:201:"));
    assert_non_null(
        strstr(strbuf_text(&errors), "more errors are not shown; correct those above first\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_well_formed),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_lists_and_assignments),
        cmocka_unit_test(test_what_stands_twice),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_mistakes_are_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
