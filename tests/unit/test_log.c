/* Tests of base/log.h: whatever a value holds, a record stays one well-formed line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Runs one record with a hostile value through a pipe; returns the octets written. */
static size_t record_of(enum log_format format, struct span value, char *text, size_t size)
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    int saved = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
    struct log_record record;
    log_open("test", 3, format);
    log_begin(&record, LOG_WARNING, "hostile");
    log_span(&record, "value", value);
    log_number(&record, "number", -5);
    log_id(&record, "session", 0xabc);
    log_end(&record);
    dup2(saved, STDERR_FILENO);
    ssize_t got = read(pipe_fds[0], text, size - 1);
    close(saved);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_true(got > 0);
    text[got] = '\0';
    return (size_t)got;
}

static void test_control_octets_are_escaped(void **state)
{
    (void)state;
    char text[8192];
    size_t len = record_of(LOG_FORMAT_TEXT, SPAN("a\r\nfake event=\"x\" \x1b[2J\xff"), text, sizeof text);
    assert_int_equal(strcspn(text, "\n"), len - 1);
    assert_non_null(strstr(text, "value=\"a\\x0d\\x0afake event=\\\"x\\\" \\x1b[2J\\xff\""));
    assert_non_null(strstr(text, "test/3["));
    assert_non_null(strstr(text, "number=-5 session=0000000000000abc\n"));
}

static void test_json_is_escaped(void **state)
{
    (void)state;
    char text[8192];
    record_of(LOG_FORMAT_JSON, SPAN("\"},\n{"), text, sizeof text);
    assert_non_null(strstr(text, "\"value\":\"\\\"},\\u000a{\""));
    assert_non_null(strstr(text, "\"session\":\"0000000000000abc\"}\n"));
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    char text[8192];
    char value[5000];
    memset(value, 1, sizeof value);
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        size_t len = record_of((enum log_format)format, span_make(value, sizeof value), text, sizeof text);
        assert_true(len < 4096);
        assert_int_equal(strcspn(text, "\n"), len - 1);
        assert_non_null(strstr(text, "session"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_octets_are_escaped),
        cmocka_unit_test(test_json_is_escaped),
        cmocka_unit_test(test_long_values_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
