/* Tests of protocol/sasl.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/sasl.h"

static void assert_span(struct span found, const char *expected)
{
    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.at == NULL ? (const void *)"" : found.at, expected, found.len);
}

static void test_mechanism_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SASL_MECHANISM_COUNT; i++) {
        enum sasl_mechanism mechanism = (enum sasl_mechanism)i;
        assert_int_equal(sasl_mechanism_parse(span_of(sasl_mechanism_name(mechanism))), mechanism);
    }
    assert_int_equal(sasl_mechanism_parse(SPAN("plain")), SASL_PLAIN);
    assert_int_equal(sasl_mechanism_parse(SPAN("CRAM-MD5")), SASL_UNKNOWN);
    assert_int_equal(sasl_mechanism_parse(SPAN("PLAI")), SASL_UNKNOWN);
    assert_int_equal(sasl_mechanism_parse(SPAN("PLAIN ")), SASL_UNKNOWN);
    assert_int_equal(sasl_mechanism_parse(SPAN_NONE), SASL_UNKNOWN);
}

static void test_plain(void **state)
{
    (void)state;
    struct sasl_credentials found;
    assert_true(sasl_parse_plain(SPAN("\0alice\0secret"), &found));
    assert_span(found.authorization, "");
    assert_span(found.authentication, "alice");
    assert_span(found.secret, "secret");
    assert_true(sasl_parse_plain(SPAN("bob\0alice\0 s p "), &found));
    assert_span(found.authorization, "bob");
    assert_span(found.secret, " s p ");
}

static void test_plain_refusals(void **state)
{
    (void)state;
    const struct span refused[] = {
        SPAN(""),           SPAN("\0"),         SPAN("\0\0"),          SPAN("\0alice"),
        SPAN("\0alice\0"),  SPAN("\0\0secret"), SPAN("alice\0secret"), SPAN("a\0b\0c\0"),
        SPAN("a\0b\0c\0d"), SPAN("a\0b\0\0d"),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct sasl_credentials found = {.secret = SPAN("untouched")};
        assert_false(sasl_parse_plain(refused[i], &found));
        assert_span(found.secret, "untouched");
    }
    static char large[SASL_MESSAGE_MAX + 1];
    struct sasl_credentials found;
    memset(large, 'x', sizeof large);
    large[0] = large[10] = '\0';
    assert_true(sasl_parse_plain(span_make(large, SASL_MESSAGE_MAX), &found));
    assert_false(sasl_parse_plain(span_make(large, sizeof large), &found));
}

static void test_external(void **state)
{
    (void)state;
    struct sasl_credentials found;
    assert_true(sasl_parse_external(SPAN_NONE, &found));
    assert_span(found.authorization, "");
    assert_true(sasl_parse_external(SPAN("alice@example.org"), &found));
    assert_span(found.authorization, "alice@example.org");
    assert_span(found.authentication, "");
    assert_span(found.secret, "");
    assert_false(sasl_parse_external(SPAN("alice\0"), &found));
}

static void test_oauthbearer(void **state)
{
    (void)state;
    auto_strbuf struct strbuf scratch = STRBUF(64);
    struct sasl_credentials found;
    /* RFC 7628 section 4.1 */
    assert_true(sasl_parse_oauthbearer(SPAN("n,a=user@example.com,\1host=server.example.com\1"
                                            "port=143\1auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29t"
                                            "Cg==\1\1"),
                                       &scratch, &found));
    assert_span(found.authentication, "user@example.com");
    assert_span(found.authorization, "");
    assert_span(found.secret, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
    assert_int_equal(scratch.len, 0);
    assert_true(
        sasl_parse_oauthbearer(SPAN("y,a=a=2Cb=3dc,\1auth=bearer t\1\1"), &scratch, &found));
    assert_span(found.authentication, "a,b=c");
    assert_span(found.secret, "t");
}

static void test_oauthbearer_refusals(void **state)
{
    (void)state;
    const struct span refused[] = {
        SPAN(""),
        SPAN("\1"), /* the client's answer to an error, not a login */
        SPAN("n,,\1auth=Bearer t\1\1"),
        SPAN("n,a=,\1auth=Bearer t\1\1"),
        SPAN("p=tls-unique,a=u,\1auth=Bearer t\1\1"),
        SPAN("n,A=u,\1auth=Bearer t\1\1"),
        SPAN("n,a=u\1auth=Bearer t\1\1"),
        SPAN("n,a=u,auth=Bearer t\1\1"),
        SPAN("n,a=u,\1auth=Bearer t\1"),
        SPAN("n,a=u,\1auth=Bearer t"),
        SPAN("n,a=u,\1auth=Bearer t\1\1\1"),
        SPAN("n,a=u,\1auth=Bearer t\1\1x"),
        SPAN("n,a=u,\1auth=Bearer \1\1"),
        SPAN("n,a=u,\1auth=Bearer t t\1\1"),
        SPAN("n,a=u,\1auth=Basic t\1\1"),
        SPAN("n,a=u,\1auth=Bearer t\1auth=Bearer s\1\1"),
        SPAN("n,a=u,\1host=x\1\1"),
        SPAN("n,a=u,\1\1"),
        SPAN("n,a=u,\1=x\1auth=Bearer t\1\1"),
        SPAN("n,a=u,\1host\1auth=Bearer t\1\1"),
        SPAN("n,a=u=2,\1auth=Bearer t\1\1"),
        SPAN("n,a=u=,\1auth=Bearer t\1\1"),
        SPAN("n,a=u=41,\1auth=Bearer t\1\1"),
        SPAN("n,a=u\1v,\1auth=Bearer t\1\1"),
        SPAN("n,a=u\0,\1auth=Bearer t\1\1"),
        SPAN("n,a=u,\1auth=Bearer t\0\1\1"),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        auto_strbuf struct strbuf scratch = STRBUF(64);
        struct sasl_credentials found;
        assert_false(sasl_parse_oauthbearer(refused[i], &scratch, &found));
    }
    auto_strbuf struct strbuf small = STRBUF(2);
    struct sasl_credentials found;
    assert_false(sasl_parse_oauthbearer(SPAN("n,a=a=2Cb,\1auth=Bearer t\1\1"), &small, &found));
}

static void test_xoauth2(void **state)
{
    (void)state;
    struct sasl_credentials found;
    assert_true(
        sasl_parse_xoauth2(SPAN("user=someuser@example.com\1auth=Bearer ya29.vF9d-_\1\1"), &found));
    assert_span(found.authentication, "someuser@example.com");
    assert_span(found.secret, "ya29.vF9d-_");
    const struct span refused[] = {
        SPAN(""),
        SPAN("user="),
        SPAN("user=\1auth=Bearer t\1\1"),
        SPAN("User=u\1auth=Bearer t\1\1"),
        SPAN("user=u\1\1"),
        SPAN("user=u\1auth=Bearer t\1"),
        SPAN("user=u\1auth=Bearer t\1\1\1"),
        SPAN("user=u\0\1auth=Bearer t\1\1"),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(sasl_parse_xoauth2(refused[i], &found));
}

static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    const struct sasl_credentials credentials = {.authorization = SPAN("alice"),
                                                 .authentication = SPAN("a,b=c@example.org"),
                                                 .secret = SPAN("to=ken")};
    auto_strbuf struct strbuf scratch = STRBUF(64);
    auto_strbuf struct strbuf plain = STRBUF(256);
    auto_strbuf struct strbuf oauthbearer = STRBUF(256);
    auto_strbuf struct strbuf xoauth2 = STRBUF(256);
    struct sasl_credentials found;
    sasl_write_plain(&credentials, &plain);
    assert_span(strbuf_span(&oauthbearer), "");
    assert_true(sasl_parse_plain(strbuf_span(&plain), &found));
    assert_true(span_equal(found.authorization, credentials.authorization));
    assert_true(span_equal(found.authentication, credentials.authentication));
    assert_true(span_equal(found.secret, credentials.secret));
    sasl_write_oauthbearer(&credentials, &oauthbearer);
    assert_span(strbuf_span(&oauthbearer), "n,a=a=2Cb=3Dc@example.org,\1auth=Bearer to=ken\1\1");
    assert_true(sasl_parse_oauthbearer(strbuf_span(&oauthbearer), &scratch, &found));
    assert_true(span_equal(found.authentication, credentials.authentication));
    sasl_write_xoauth2(&credentials, &xoauth2);
    assert_span(strbuf_span(&xoauth2), "user=a,b=c@example.org\1auth=Bearer to=ken\1\1");
    assert_true(sasl_parse_xoauth2(strbuf_span(&xoauth2), &found));
}

static void test_a_field_with_the_separator_is_not_written(void **state)
{
    (void)state;
    const struct sasl_credentials nul = {.authentication = SPAN("u"), .secret = SPAN("p\0q")};
    const struct sasl_credentials two = {.authentication = SPAN("u\1x=y"), .secret = SPAN("t")};
    auto_strbuf struct strbuf plain = STRBUF(64);
    auto_strbuf struct strbuf oauthbearer = STRBUF(64);
    auto_strbuf struct strbuf xoauth2 = STRBUF(64);
    sasl_write_plain(&nul, &plain);
    sasl_write_oauthbearer(&two, &oauthbearer);
    sasl_write_xoauth2(&two, &xoauth2);
    assert_true(strbuf_failed(&plain) && plain.len == 0);
    assert_true(strbuf_failed(&oauthbearer) && oauthbearer.len == 0);
    assert_true(strbuf_failed(&xoauth2) && xoauth2.len == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mechanism_names),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_plain_refusals),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_oauthbearer),
        cmocka_unit_test(test_oauthbearer_refusals),
        cmocka_unit_test(test_xoauth2),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_a_field_with_the_separator_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
