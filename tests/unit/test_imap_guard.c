/*
 * Tests of protocol/imap_guard.h: each transcript whole, octet by octet and at each single cut, and
 * never does the octet after the command pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/imap_guard.h"

/* The verdict after all of input in two pieces. */
static enum imap_guard_verdict watch_cut(struct span input, size_t cut)
{
    struct imap_guard guard;
    imap_guard_init(&guard, false);
    enum imap_guard_verdict verdict = imap_guard_watch(&guard, span_first(input, cut));
    if (verdict != IMAP_GUARD_PASS)
        return verdict;
    return imap_guard_watch(&guard, span_from(input, cut));
}

/* The number of octets that pass, fed one at a time. */
static size_t count_passing(struct span input, enum imap_guard_verdict *ret_verdict)
{
    struct imap_guard guard;
    imap_guard_init(&guard, false);
    *ret_verdict = IMAP_GUARD_PASS;
    for (size_t i = 0; i < input.len; i++) {
        *ret_verdict = imap_guard_watch(&guard, span_first(span_from(input, i), 1));
        if (*ret_verdict != IMAP_GUARD_PASS)
            return i;
    }
    return input.len;
}

static void expect(struct span input, enum imap_guard_verdict verdict, size_t passing)
{
    enum imap_guard_verdict bytewise;
    assert_int_equal(count_passing(input, &bytewise), passing);
    assert_int_equal(bytewise, verdict);
    for (size_t cut = 0; cut <= input.len; cut++)
        assert_int_equal(watch_cut(input, cut), verdict);
}

static void test_what_passes(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "\r\n",
        "a NOOP\r\nb SELECT INBOX\r\nc FETCH 1:* (FLAGS)\r\n",
        "a AUTHENTICATE PLAIN\r\n",
        "a UNAUTHENTICAT\r\nE\r\n",
        "a UNAUTHENTICATED\r\n",
        "a NOOP UNAUTHENTICATE\r\n",
        "UNAUTHENTICATE\r\n",
        "a COMPRESS\r\nDEFLATE\r\n",
        "a COMPRESS LZ4\r\n",
        "a COMPRESSION DEFLATE\r\n",
        "i IDLE\r\nDONE\r\nx NOOP\r\n",
        /* what ordinary mail says in an upload */
        "a APPEND Sent {60}\r\nan unauthenticated attacker\r\nto compress the files\r\n\r\n",
        "a APPEND Sent {60+}\r\n\r\nand compress deflated data\r\nthe unauthenticate-d\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(span_of(rows[i]), IMAP_GUARD_PASS, span_of(rows[i]).len);
}

static void test_unauthenticate(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        size_t passing;
    } rows[] = {
        {"a UNAUTHENTICATE\r\n", 16},
        {"a unAuthentiCate\n", 16},
        {"a UNAUTHENTICATE x\r\n", 16},
        {"a UNAUTHENTICATE(\r\n", 16},
        {"a UNAUTHENTICATE\"x\"\r\n", 16},
        {"a NOOP\r\nb UNAUTHENTICATE\r\n", 24},
        {"a NOOP\nb UNAUTHENTICATE\n", 23},
        {"a NOOP\rb UNAUTHENTICATE\r\n", 23},
        {"a  UNAUTHENTICATE\r\n", 17},
        {" a\tUNAUTHENTICATE\r\n", 17},
        {"\"{9+}\xff UNAUTHENTICATE\r\n", 21},
        /* Dovecot reads what follows these as commands */
        {"a FOO {18+}\r\nb UNAUTHENTICATE\r\n", 29},
        {"a APPEND none {18}\r\nb UNAUTHENTICATE\r\n", 36},
        {"a LOGIN \"{18+}\r\nb UNAUTHENTICATE\r\n", 32},
        {"a COMPRESS\r\nb UNAUTHENTICATE\r\n", 28},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(span_of(rows[i].input), IMAP_GUARD_UNAUTHENTICATE, rows[i].passing);
}

static void test_compress(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        size_t passing;
    } rows[] = {
        {"a COMPRESS DEFLATE\r\n", 18},  {"a compress  deflate\n", 19},
        {"a COMPRESS \"DEFLATE\"\r\n", 11}, {"a COMPRESS {7}\r\nDEFLATE\r\n", 11},
        {"a COMPRESS\"DEFLATE\"\r\n", 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(span_of(rows[i].input), IMAP_GUARD_COMPRESS, rows[i].passing);
}

/* Even a COMPRESS that the backend refuses hides nothing behind it. */
static void test_compress_may_pass(void **state)
{
    (void)state;
    struct imap_guard guard;
    imap_guard_init(&guard, true);
    assert_int_equal(imap_guard_watch(&guard, SPAN("a COMPRESS DEFLATE\r\nb COMPRESS \"X\"\r\n")),
                     IMAP_GUARD_PASS);
    assert_int_equal(imap_guard_watch(&guard, SPAN("c COMPRESS {1}\r\nd UNAUTHENTICATE\r\n")),
                     IMAP_GUARD_UNAUTHENTICATE);
}

static void test_verdict_stays(void **state)
{
    (void)state;
    struct imap_guard guard;
    imap_guard_init(&guard, false);
    assert_int_equal(imap_guard_watch(&guard, SPAN("a UNAUTHENTICATE\r\n")),
                     IMAP_GUARD_UNAUTHENTICATE);
    assert_int_equal(imap_guard_watch(&guard, SPAN("b NOOP\r\n")), IMAP_GUARD_UNAUTHENTICATE);
    assert_int_equal(imap_guard_watch(&guard, SPAN("")), IMAP_GUARD_UNAUTHENTICATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_passes),
        cmocka_unit_test(test_unauthenticate),
        cmocka_unit_test(test_compress),
        cmocka_unit_test(test_compress_may_pass),
        cmocka_unit_test(test_verdict_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
