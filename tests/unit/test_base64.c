/* Tests of base/base64.h: the vectors of RFC 4648 section 10, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/base64.h"

static const struct {
    const char *plain;
    const char *encoded;
} vectors[] = {{"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

static void test_vectors_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        auto_strbuf struct strbuf encoded = STRBUF(64);
        auto_strbuf struct strbuf decoded = STRBUF(64);
        base64_encode(span_of(vectors[i].plain), &encoded);
        assert_string_equal(strbuf_text(&encoded), vectors[i].encoded);
        assert_true(base64_decode(span_of(vectors[i].encoded), &decoded));
        assert_string_equal(strbuf_text(&decoded), vectors[i].plain);
    }
}

static void test_lax_forms_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {"Z",    "Zg",   "Zg=",      "Zh==",     "Zm9=",  "Zg==Zg==",
                                          "=Zg=", "Zm9 ", "Zm\n9vYg", "Zm9v\r\n", "Z===", "===="};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        auto_strbuf struct strbuf decoded = STRBUF(64);
        assert_false(base64_decode(span_of(refused[i]), &decoded));
    }
}

static void test_result_over_the_cap_is_refused(void **state)
{
    (void)state;
    auto_strbuf struct strbuf decoded = STRBUF(5);
    assert_false(base64_decode(SPAN("Zm9vYmFy"), &decoded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_both_ways),
        cmocka_unit_test(test_lax_forms_are_refused),
        cmocka_unit_test(test_result_over_the_cap_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
