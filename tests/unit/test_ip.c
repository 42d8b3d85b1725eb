/* Tests of base/ip.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/ip.h"

static struct ip ip_of(const char *text)
{
    struct ip ip = {{0}};
    assert_true(ip_parse(span_of(text), &ip));
    return ip;
}

static void test_text_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "::", "::1", "0.0.0.0"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[IP_TEXT_SIZE];
        struct ip ip = ip_of(texts[i]);
        ip_format(&ip, text);
        assert_string_equal(text, texts[i]);
    }
    struct ip mapped = ip_of("::ffff:192.0.2.1");
    struct ip plain = ip_of("192.0.2.1");
    assert_true(ip_equal(&mapped, &plain));
}

static void test_what_is_no_address(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "1.2.3", "1.2.3.4.5", "[::1]", "fe80::1%eth0", "01.2.3.4"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ip ip;
        assert_false(ip_parse(span_of(texts[i]), &ip));
    }
    struct ip ip;
    assert_false(ip_parse(span_make("1.2.3.4\0", 8), &ip));
}

static void test_prefixes(void **state)
{
    (void)state;
    struct ip_prefix prefix;
    struct ip inside = ip_of("10.1.255.255");
    struct ip outside = ip_of("10.2.0.0");
    assert_true(ip_prefix_parse(SPAN("10.1.0.0/16"), &prefix));
    assert_true(ip_prefix_contains(&prefix, &inside));
    assert_false(ip_prefix_contains(&prefix, &outside));
    assert_true(ip_prefix_parse(SPAN("0.0.0.0/0"), &prefix));
    assert_true(ip_prefix_contains(&prefix, &outside));
    struct ip v6 = ip_of("2001:db8::1");
    assert_false(ip_prefix_contains(&prefix, &v6));
    assert_true(ip_prefix_parse(SPAN("2001:db8::/33"), &prefix));
    assert_true(ip_prefix_contains(&prefix, &v6));
    assert_true(ip_prefix_parse(SPAN("192.0.2.1"), &prefix));
    assert_int_equal(prefix.bits, 128);
    assert_false(ip_prefix_parse(SPAN("10.1.0.1/16"), &prefix));
    assert_false(ip_prefix_parse(SPAN("10.1.0.0/33"), &prefix));
    assert_false(ip_prefix_parse(SPAN("10.1.0.0/"), &prefix));
}

static void test_masks(void **state)
{
    (void)state;
    struct ip v4 = ip_of("192.0.2.77");
    struct ip v6 = ip_of("2001:db8:1:2:3::4");
    struct ip v4_net = ip_of("192.0.2.0");
    struct ip v6_net = ip_of("2001:db8:1:2::");
    struct ip masked = ip_masked(&v4, 24, 64);
    assert_true(ip_equal(&masked, &v4_net));
    masked = ip_masked(&v6, 24, 64);
    assert_true(ip_equal(&masked, &v6_net));
}

static void test_endpoints(void **state)
{
    (void)state;
    struct endpoint endpoint;
    struct sockaddr_storage storage;
    struct endpoint back;
    assert_true(endpoint_parse(SPAN("127.0.0.1:143"), &endpoint));
    assert_int_equal(endpoint.port, 143);
    assert_int_equal(endpoint_to_sockaddr(&endpoint, &storage), sizeof(struct sockaddr_in));
    assert_true(endpoint_from_sockaddr((struct sockaddr *)&storage, &back));
    assert_true(ip_equal(&back.ip, &endpoint.ip));
    assert_true(endpoint_parse(SPAN("[::1]:993"), &endpoint));
    assert_int_equal(endpoint_to_sockaddr(&endpoint, &storage), sizeof(struct sockaddr_in6));
    assert_false(endpoint_parse(SPAN("::1:993"), &endpoint));
    assert_false(endpoint_parse(SPAN("[127.0.0.1]:993"), &endpoint));
    assert_false(endpoint_parse(SPAN("127.0.0.1"), &endpoint));
    assert_false(endpoint_parse(SPAN("127.0.0.1:0"), &endpoint));
    assert_false(endpoint_parse(SPAN("127.0.0.1:65536"), &endpoint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_round_trip), cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_prefixes),        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
