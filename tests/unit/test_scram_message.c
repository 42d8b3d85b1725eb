/* Tests of protocol/scram_message.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/scram_message.h"

static void test_a_challenge(void **state)
{
    (void)state;
    struct scram_challenge challenge;
    assert_true(scram_parse_challenge(SPAN("r=abcXYZ,s=c2FsdA==,i=4096,x=later"), SPAN("abc"), &challenge));
    assert_true(span_equal(challenge.nonce, SPAN("abcXYZ")));
    assert_true(span_equal(span_make(challenge.salt, challenge.salt_len), SPAN("salt")));
    assert_int_equal(challenge.iterations, 4096);
    assert_true(scram_parse_challenge(SPAN("r=abc+,s=c2FsdA==,i=100000"), SPAN("abc"), &challenge));
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "r=", "r=abcXYZ", "r=abcXYZ,s=c2FsdA==", "r=abcXYZ,s=c2FsdA==,i=", "r=abcXYZ,s=c2FsdA==,i=4095",
        "r=abcXYZ,s=c2FsdA==,i=100001", "r=abcXYZ,s=c2FsdA==,i=18446744073709555712", "r=abcXYZ,s=c2FsdA==,i=-1",
        "r=abcXYZ,s=c2FsdA==,i=4096 ", "r=abcXYZ,s=,i=4096", "r=abcXYZ,s=!,i=4096", "r=abc,s=c2FsdA==,i=4096",
        "r=abXYZ,s=c2FsdA==,i=4096", "r=abc XYZ,s=c2FsdA==,i=4096", "r=abc\x80,s=c2FsdA==,i=4096",
        "m=x,r=abcXYZ,s=c2FsdA==,i=4096", "s=c2FsdA==,r=abcXYZ,i=4096", "e=invalid-proof", ",,,",
    };
    struct scram_challenge challenge = {.iterations = 7};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(scram_parse_challenge(span_of(texts[i]), SPAN("abc"), &challenge));
    assert_int_equal(challenge.iterations, 7);
}

static void test_longer_than_a_server_may_say(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(8192);
    struct scram_challenge challenge;
    strbuf_append(&text, "r=abc");
    for (int i = 0; i < SCRAM_NONCE_MAX; i++)
        strbuf_append_byte(&text, 'x');
    strbuf_append(&text, ",s=c2FsdA==,i=4096");
    assert_false(scram_parse_challenge(strbuf_span(&text), SPAN("abc"), &challenge));
    strbuf_reset(&text);
    strbuf_append(&text, "r=abcx,s=");
    for (int i = 0; i < 2 * SCRAM_SALT_MAX; i++)
        strbuf_append_byte(&text, 'A');
    strbuf_append(&text, ",i=4096");
    assert_false(scram_parse_challenge(strbuf_span(&text), SPAN("abc"), &challenge));
    strbuf_reset(&text);
    strbuf_append(&text, "r=abcx,s=c2FsdA==,i=4096,x=");
    while (text.len <= SCRAM_MESSAGE_MAX)
        strbuf_append_byte(&text, 'x');
    assert_false(scram_parse_challenge(strbuf_span(&text), SPAN("abc"), &challenge));
}

static void test_names_end_nothing(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(256);
    scram_append_header(&text, SPAN("a,n=b"));
    scram_append_first(&text, SPAN("x=y"), SPAN("abc"));
    assert_string_equal(strbuf_text(&text), "n,a=a=2Cn=3Db,n=x=3Dy,r=abc");
    scram_append_first(&text, SPAN("a\0b"), SPAN("abc"));
    assert_true(strbuf_failed(&text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_challenge),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_longer_than_a_server_may_say),
        cmocka_unit_test(test_names_end_nothing),
    };
    return cmocka_run_group_tests_name("scram_message", tests, NULL, NULL);
}
