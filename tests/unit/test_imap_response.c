/* Tests of protocol/imap_response.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/imap_response.h"

#define assert_span(span, text) assert_true(span_equal(span, SPAN(text)))

struct line_row {
    const char *line; /* without its line end */
    enum imap_response_kind kind;
    enum imap_status status;
    const char *tag;
    const char *code; /* NULL: none */
    const char *text;
};

static const struct line_row line_rows[] = {
    {"* OK ready", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_OK, "", NULL, "ready"},
    {"* ok [CAPABILITY IMAP4rev1 ID] hi", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_OK, "",
     "CAPABILITY IMAP4rev1 ID", "hi"},
    {"* PREAUTH hi", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_PREAUTH, "", NULL, "hi"},
    {"* BYE", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_BYE, "", NULL, ""},
    {"* BYE []", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_BYE, "", "", ""},
    {"* NO [x]y", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_NO, "", "x", "y"},
    {"* CAPABILITY IMAP4rev1", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_NONE, "", NULL,
     "CAPABILITY IMAP4rev1"},
    {"* OKAY x", IMAP_RESPONSE_UNTAGGED, IMAP_STATUS_NONE, "", NULL, "OKAY x"},
    {"a1 OK Logged in", IMAP_RESPONSE_TAGGED, IMAP_STATUS_OK, "a1", NULL, "Logged in"},
    {"a1 NO [AUTHENTICATIONFAILED] no [x]", IMAP_RESPONSE_TAGGED, IMAP_STATUS_NO, "a1",
     "AUTHENTICATIONFAILED", "no [x]"},
    {"a1 BAD", IMAP_RESPONSE_TAGGED, IMAP_STATUS_BAD, "a1", NULL, ""},
    {"+ ", IMAP_RESPONSE_CONTINUATION, IMAP_STATUS_NONE, "", NULL, ""},
    {"+", IMAP_RESPONSE_CONTINUATION, IMAP_STATUS_NONE, "", NULL, ""},
    {"+ AGEAYg==", IMAP_RESPONSE_CONTINUATION, IMAP_STATUS_NONE, "", NULL, "AGEAYg=="},
    {"", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"*", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"* ", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"*  OK", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"*OK x", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"+OK POP3 ready", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"220 mail ESMTP", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"a1 BYE x", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"a1 PREAUTH x", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"a1", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"a1  OK", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {" OK x", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"a\"1 OK x", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"a1 OK [unclosed", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"* OK x\ry", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"* LIST () \"/\" {5}", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
    {"* OK x{5+}", IMAP_RESPONSE_MALFORMED, 0, NULL, NULL, NULL},
};

static void check_row(const struct line_row *row, const char *line_end)
{
    auto_strbuf struct strbuf wire = STRBUF(1000);
    strbuf_format(&wire, "%s%s", row->line, line_end);
    struct imap_response response = {.status = IMAP_STATUS_NONE};
    for (size_t len = 0; len < wire.len; len++) {
        struct span part = span_first(strbuf_span(&wire), len);
        assert_int_equal(imap_response_take(&part, &response), IMAP_RESPONSE_MORE);
        assert_int_equal(part.len, len);
    }
    strbuf_append(&wire, "* OK next\r\n");
    struct span input = strbuf_span(&wire);
    assert_int_equal(imap_response_take(&input, &response), row->kind);
    if (row->kind == IMAP_RESPONSE_MALFORMED) {
        assert_int_equal(input.len, wire.len);
        return;
    }
    assert_span(input, "* OK next\r\n");
    assert_int_equal(response.status, row->status);
    assert_true(span_equal(response.tag, span_of(row->tag)));
    assert_true(span_equal(response.text, span_of(row->text)));
    assert_int_equal(response.code.at == NULL, row->code == NULL);
    assert_true(span_equal(response.code, span_of(row->code)));
}

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof line_rows / sizeof line_rows[0]; i++) {
        check_row(&line_rows[i], "\r\n");
        check_row(&line_rows[i], "\n");
    }
}

static void test_nul_is_malformed(void **state)
{
    (void)state;
    struct span input = SPAN("* OK a\0b\r\n");
    struct imap_response response;
    assert_int_equal(imap_response_take(&input, &response), IMAP_RESPONSE_MALFORMED);
}

static void test_length(void **state)
{
    (void)state;
    auto_strbuf struct strbuf wire = STRBUF(2 * IMAP_RESPONSE_MAX);
    struct imap_response response;
    strbuf_append(&wire, "* OK ");
    while (wire.len < IMAP_RESPONSE_MAX - 1)
        strbuf_append_byte(&wire, 'x');
    struct span input = strbuf_span(&wire);
    assert_int_equal(imap_response_take(&input, &response), IMAP_RESPONSE_MORE);
    strbuf_append_byte(&wire, '\n');
    input = strbuf_span(&wire);
    assert_int_equal(imap_response_take(&input, &response), IMAP_RESPONSE_UNTAGGED);
    wire.at[wire.len - 1] = 'x';
    input = strbuf_span(&wire);
    assert_int_equal(imap_response_take(&input, &response), IMAP_RESPONSE_MALFORMED);
    strbuf_append_byte(&wire, '\n');
    input = strbuf_span(&wire);
    assert_int_equal(imap_response_take(&input, &response), IMAP_RESPONSE_MALFORMED);
}

/* What was glued behind the answer to STARTTLS stays visible. */
static void test_what_follows_stays_in_the_input(void **state)
{
    (void)state;
    struct span input = SPAN("s OK begin\r\n* CAPABILITY AUTH=PLAIN\r\nl OK in\r\n");
    struct imap_response response;
    assert_int_equal(imap_response_take(&input, &response), IMAP_RESPONSE_TAGGED);
    assert_span(input, "* CAPABILITY AUTH=PLAIN\r\nl OK in\r\n");
}

static struct span capabilities_of(const char *line, struct imap_response *response)
{
    struct span input = span_of(line);
    (void)!imap_response_take(&input, response);
    return imap_response_capabilities(response);
}

static void test_capabilities(void **state)
{
    (void)state;
    struct imap_response response;
    assert_span(capabilities_of("* OK [CAPABILITY IMAP4rev1 ID] x\r\n", &response), "IMAP4rev1 ID");
    assert_span(capabilities_of("a OK [capability X] x\r\n", &response), "X");
    assert_span(capabilities_of("* Capability X Y\r\n", &response), "X Y");
    assert_span(capabilities_of("* PREAUTH [CAPABILITY X] y\r\n", &response), "X");
    struct span empty = capabilities_of("* CAPABILITY\r\n", &response);
    assert_true(empty.at != NULL && empty.len == 0);
    static const char *const none[] = {
        "* OK CAPABILITY X\r\n", "a NO [CAPABILITY X] y\r\n",      "* BYE [CAPABILITY X] y\r\n",
        "* CAPABILITIES X\r\n",  "* OK [CAPABILITYX Y] z\r\n",     "* OK hello\r\n",
        "* LIST CAPABILITY\r\n", "* OK [ALERT] [CAPABILITY X]\r\n"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_null(capabilities_of(none[i], &response).at);
}

static void test_capability_has(void **state)
{
    (void)state;
    struct span list = SPAN("IMAP4rev1  AUTH=PLAIN starttls");
    assert_true(imap_capability_has(list, SPAN("STARTTLS")));
    assert_true(imap_capability_has(list, SPAN("imap4REV1")));
    assert_false(imap_capability_has(list, SPAN("AUTH")));
    assert_false(imap_capability_has(list, SPAN("AUTH=PLAINX")));
    assert_false(imap_capability_has(list, SPAN("")));
    assert_false(imap_capability_has(SPAN_NONE, SPAN("ID")));
}

static void test_capability_filter(void **state)
{
    (void)state;
    auto_strbuf struct strbuf buf = STRBUF(1000);
    imap_capability_filter(
        SPAN(" IMAP4rev1 StartTLS LITERAL+ auth=PLAIN AUTH= SASL-IR UNAUTHENTICATE LOGINDISABLED "
             "LOGIN-REFERRALS  MAILBOX-REFERRALS COMPRESS=DEFLATE STARTTLSX QUOTA=RES x]y a\x01" "b c\rd "
             "e\nf \xc3\xa9 \"q\" {5} IDLE "),
        &buf);
    assert_string_equal(strbuf_text(&buf), "IMAP4rev1 LITERAL+ STARTTLSX QUOTA=RES IDLE");
    strbuf_reset(&buf);
    imap_capability_filter(SPAN("IDLE COMPRESS=DEFLATE STARTTLS"), &buf);
    assert_string_equal(strbuf_text(&buf), "IDLE COMPRESS=DEFLATE");
    strbuf_reset(&buf);
    imap_capability_filter(SPAN("STARTTLS"), &buf);
    assert_string_equal(strbuf_text(&buf), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_nul_is_malformed),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_what_follows_stays_in_the_input),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_capability_has),
        cmocka_unit_test(test_capability_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
