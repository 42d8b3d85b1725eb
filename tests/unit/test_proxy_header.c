/* Tests of protocol/proxy_header.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void assert_endpoint(const struct endpoint *endpoint, const char *address, uint16_t port)
{
    char text[IP_TEXT_SIZE];
    ip_format(&endpoint->ip, text);
    assert_string_equal(text, address);
    assert_int_equal(endpoint->port, port);
}

/*
 * Reads as a careful caller does: exactly as many octets as the parser says are needed. Returns the
 * octets taken from wire; the result in ret_result.
 */
static size_t read_exactly(struct span wire, struct proxy_header *header,
                           enum proxy_header_result *ret_result)
{
    size_t have = 0;
    for (;;) {
        size_t len = 0;
        *ret_result = proxy_header_parse(span_first(wire, have), header, &len);
        if (*ret_result == PROXY_HEADER_BAD)
            return have;
        if (*ret_result == PROXY_HEADER_DONE) {
            assert_int_equal(len, have); /* never an octet of what follows */
            return have;
        }
        assert_true(len > 0);
        if (have + len > wire.len)
            return have; /* MORE is wanted and there is none */
        have += len;
    }
}

/* Whole, by octets and as a careful reader: the same header, the same length. */
static size_t parse_every_way(struct span wire, struct proxy_header *header)
{
    size_t whole = 0;
    struct proxy_header again;
    enum proxy_header_result result;
    assert_int_equal(proxy_header_parse(wire, header, &whole), PROXY_HEADER_DONE);
    for (size_t i = 0; i < whole; i++) {
        size_t missing = 0;
        assert_int_equal(proxy_header_parse(span_first(wire, i), &again, &missing),
                         PROXY_HEADER_MORE);
        assert_true(missing > 0 && missing <= whole - i);
    }
    assert_int_equal(read_exactly(wire, &again, &result), whole);
    assert_int_equal(result, PROXY_HEADER_DONE);
    assert_int_equal(again.is_local, header->is_local);
    assert_true(ip_equal(&again.source.ip, &header->source.ip));
    assert_int_equal(again.source.port, header->source.port);
    return whole;
}

static void test_version_1(void **state)
{
    (void)state;
    struct proxy_header header;
    parse_every_way(SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 56324 993\r\n\x16\x03\x01"), &header);
    assert_false(header.is_local);
    assert_endpoint(&header.source, "192.0.2.1", 56324);
    assert_endpoint(&header.destination, "198.51.100.2", 993);
    parse_every_way(SPAN("PROXY TCP6 :: :: 0 0\r\n"), &header);
    assert_endpoint(&header.source, "::", 0);
}

static void test_version_1_limits(void **state)
{
    (void)state;
    struct proxy_header header;
    size_t len = parse_every_way(
        SPAN("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
        &header);
    assert_int_equal(len, 104);
    /* The longest line of the specification, of a proxy that knows no addresses. */
    len = parse_every_way(SPAN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
                          &header);
    assert_int_equal(len, PROXY_HEADER_V1_MAX);
    assert_true(header.is_local);
    assert_int_equal(parse_every_way(SPAN("PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n"), &header), 15);
    assert_true(header.is_local);
}

static void test_version_1_refusals(void **state)
{
    (void)state;
    const struct span refused[] = {
        SPAN("X"),
        SPAN("\x16\x03\x01"),
        SPAN("proxy TCP4 "),
        SPAN("PROXY UDP4 "),
        SPAN("PROXY UNKNOWNX\r\n"),
        SPAN("PROXY\r\n"),
        SPAN("PROXY TCP4\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n"),
        SPAN("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2 198.51.100.2 1 2\r\n"),
        SPAN("PROXY TCP4 ::1 ::1 1 2\r\n"),
        SPAN("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1\r2\r\n"),
        SPAN("PROXY UNKNOWN a\nb\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1\r"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\rx"),
        SPAN("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n"),
        SPAN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655355\r\n"),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct proxy_header header;
        size_t len;
        assert_int_equal(proxy_header_parse(refused[i], &header, &len), PROXY_HEADER_BAD);
    }
}

static void test_version_2(void **state)
{
    (void)state;
    struct proxy_header header;
    size_t len = parse_every_way(
        SPAN(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe1more"), &header);
    assert_int_equal(len, 28);
    assert_false(header.is_local);
    assert_endpoint(&header.source, "192.0.2.1", 56324);
    assert_endpoint(&header.destination, "198.51.100.2", 993);
    parse_every_way(SPAN(SIGNATURE "\x21\x21\0\x27"
                                   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
                                   "\0\x01\0\x02"
                                   "\x04\0\0"), /* a NOOP of length 0 */
                    &header);
    assert_endpoint(&header.source, "2001:db8::1", 1);
    assert_endpoint(&header.destination, "2001:db8::2", 2);
    assert_int_equal(parse_every_way(SPAN(SIGNATURE "\x20\0\0\0"), &header), 16);
    assert_true(header.is_local);
    assert_int_equal(parse_every_way(SPAN(SIGNATURE "\x20\x11\0\x03xyzmore"), &header), 19);
    assert_true(header.is_local);
}

static void test_version_2_refusals(void **state)
{
    (void)state;
    const struct span refused[] = {
        SPAN("\r\n\r\n\1"),
        SPAN(SIGNATURE "\x11"),
        SPAN(SIGNATURE "\x22"),
        SPAN(SIGNATURE "\x21\x11\x07\xf1"), /* longer than PROXY_HEADER_MAX */
        SPAN(SIGNATURE "\x21\x11\xff\xff"),
        SPAN(SIGNATURE "\x21\0\0\0"), /* no addresses */
        SPAN(SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03"),
        SPAN(SIGNATURE "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe1"), /* UDP */
        SPAN(SIGNATURE "\x21\x21\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe1"),
        SPAN(SIGNATURE "\x21\x31\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe1"), /* unix */
        SPAN(SIGNATURE "\x21\x11\0\x0e\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe1\x04\0"),
        SPAN(SIGNATURE "\x21\x11\0\x0f\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe1\x04\0\x01"),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct proxy_header header;
        size_t len;
        assert_int_equal(proxy_header_parse(refused[i], &header, &len), PROXY_HEADER_BAD);
    }
}

static struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint = {.port = 0};
    assert_true(endpoint_parse(span_of(text), &endpoint));
    return endpoint;
}

static void test_writer(void **state)
{
    (void)state;
    struct endpoint v4 = endpoint_of("192.0.2.1:56324");
    struct endpoint v4_here = endpoint_of("198.51.100.2:993");
    struct endpoint v6 = endpoint_of("[2001:db8::1]:1");
    struct proxy_header header;
    auto_strbuf struct strbuf buf = STRBUF(128);
    proxy_header_write(&v4, &v4_here, false, false, &buf);
    assert_int_equal(buf.len, 28);
    assert_memory_equal(
        buf.at, SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe1", 28);
    strbuf_reset(&buf);
    proxy_header_write(&v6, &v4_here, true, false, &buf);
    assert_int_equal(parse_every_way(strbuf_span(&buf), &header), 16 + 36 + 8);
    assert_endpoint(&header.source, "2001:db8::1", 1);
    assert_endpoint(&header.destination, "198.51.100.2", 993);
}

static void test_writer_says_whether_tls_and_certificate(void **state)
{
    (void)state;
    struct endpoint v4 = endpoint_of("192.0.2.1:1");
    auto_strbuf struct strbuf without = STRBUF(128);
    auto_strbuf struct strbuf with = STRBUF(128);
    proxy_header_write(&v4, &v4, true, false, &without);
    proxy_header_write(&v4, &v4, true, true, &with);
    assert_int_equal(without.len, 36);
    assert_memory_equal(without.at + 28, "\x20\0\x05\x01\0\0\0\x01", 8);
    assert_memory_equal(with.at + 28, "\x20\0\x05\x03\0\0\0\0", 8);
}

static void test_writer_names_no_address_of_a_unix_socket(void **state)
{
    (void)state;
    struct endpoint v4 = endpoint_of("192.0.2.1:1");
    struct endpoint local = {.is_local = true};
    struct proxy_header header;
    auto_strbuf struct strbuf buf = STRBUF(128);
    proxy_header_write(&local, &v4, true, false, &buf);
    (void)parse_every_way(strbuf_span(&buf), &header);
    assert_true(header.is_local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_version_1_limits),
        cmocka_unit_test(test_version_1_refusals),
        cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_version_2_refusals),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_says_whether_tls_and_certificate),
        cmocka_unit_test(test_writer_names_no_address_of_a_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
