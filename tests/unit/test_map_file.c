/* Tests of pki/map_file.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <stdio.h>

#include "certificate_maker.h"
#include "pki/key_identity.h"
#include "pki/map_file.h"

static const struct name_space everybody = {.domains = {NULL, 0}};
static struct made card;
static char serial[64], key[2 * KEY_IDENTITY_SIZE + 1];

/* A certificate with a comma and a letter beyond ASCII in its issuer, and what it is known by. */
static int make_card(void **state)
{
    (void)state;
    auto_strbuf struct strbuf hex = STRBUF(2 * KEY_IDENTITY_SIZE);
    uint8_t identity[KEY_IDENTITY_SIZE];
    struct made issuer = made_certificate(
        &(struct made_request){.name = "Cl\xc3\xadnica, West", .is_ca = true, .path_length = -1});
    card = made_certificate(&(struct made_request){.name = "Alice 17", .issuer = &issuer, .purposes = "clientAuth"});
    made_free(&issuer);
    assert_true(key_identify(X509_get0_pubkey(card.certificate), identity));
    strbuf_append_hex(&hex, span_make(identity, sizeof identity));
    (void)snprintf(key, sizeof key, "%s", strbuf_text(&hex));
    (void)snprintf(serial, sizeof serial, "%04lX",
                   ASN1_INTEGER_get(X509_get0_serialNumber(card.certificate)));
    return 0;
}

static int free_card(void **state)
{
    (void)state;
    made_free(&card);
    return 0;
}

static enum certificate_refusal look_up(const char *text, struct strbuf *name)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    struct map_file *map = map_file_parse(span_of(text), &everybody, &why);
    assert_string_equal(strbuf_text(&why), "");
    assert_non_null(map);
    enum certificate_refusal refusal = map_file_find(map, card.certificate, name);
    map_file_free(map);
    return refusal;
}

/* row: with %s for what is known of the card. */
static void expect_row(const char *kind, const char *value, const char *expected)
{
    auto_strbuf struct strbuf text = STRBUF(4096);
    auto_strbuf struct strbuf name = STRBUF(NAME_OCTETS_MAX);
    strbuf_format(&text, "z@example.org subject CN=Zoe\n alice@example.org \t%s  %s \r\n", kind, value);
    assert_int_equal(look_up(strbuf_text(&text), &name), expected == NULL ? CERTIFICATE_NO_NAME : CERTIFICATE_OK);
    assert_string_equal(strbuf_text(&name), expected == NULL ? "" : expected);
}

#define ISSUER "CN=Cl\\C3\\ADnica\\, West"

static void test_each_kind(void **state)
{
    (void)state;
    auto_strbuf struct strbuf value = STRBUF(512);
    expect_row("subject", "CN=Alice 17", "alice@example.org");
    expect_row("subject", "CN=alice 17", NULL);
    expect_row("subject", "CN=Alice 1", NULL);
    expect_row("key", key, "alice@example.org");
    strbuf_format(&value, "%s " ISSUER, serial);
    expect_row("serial", strbuf_text(&value), "alice@example.org");
    strbuf_reset(&value);
    strbuf_format(&value, "00:00:%.2s:%.2s " ISSUER, serial, serial + 2);
    expect_row("serial", strbuf_text(&value), "alice@example.org");
    strbuf_reset(&value);
    strbuf_format(&value, "%s CN=Another", serial);
    expect_row("serial", strbuf_text(&value), NULL);
    expect_row("serial", "0001 " ISSUER, NULL);
    /* A row of one kind is not found as one of another. */
    expect_row("subject", key, NULL);
}

static void test_rows_that_disagree(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(4096);
    auto_strbuf struct strbuf name = STRBUF(NAME_OCTETS_MAX);
    strbuf_format(&text, "alice@example.org key %s\nALICE@example.org subject CN=Alice 17\n", key);
    assert_int_equal(look_up(strbuf_text(&text), &name), CERTIFICATE_OK);
    strbuf_reset(&text);
    strbuf_reset(&name);
    strbuf_format(&text, "alice@example.org key %s\nbob@example.org subject CN=Alice 17\n", key);
    assert_int_equal(look_up(strbuf_text(&text), &name), CERTIFICATE_SEVERAL_NAMES);
    assert_int_equal(name.len, 0);
}

static void test_no_rows_name_nobody(void **state)
{
    (void)state;
    auto_strbuf struct strbuf name = STRBUF(NAME_OCTETS_MAX);
    assert_int_equal(look_up("", &name), CERTIFICATE_NO_NAME);
    assert_int_equal(look_up("\n# alice@example.org subject CN=Alice 17\n\n", &name), CERTIFICATE_NO_NAME);
}

static void test_mistakes_name_their_line(void **state)
{
    (void)state;
    const struct name_space few = {.domains = SPAN("example.org"), .users = SPAN("p@example.net")};
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"alice subject CN=a\n",
         "1: begins with no login; write USER@DOMAIN, a kind (key, serial, subject) and what it is"},
        {"a*b@example.org subject CN=a\n",
         "1: begins with no login; write USER@DOMAIN, a kind (key, serial, subject) and what it is"},
        {"p@example.net subject CN=p\neve@example.net subject CN=a\n",
         "2: names a user whom this authority may not name; take it out, or write its domain in domains"},
        {"\na@example.org cn CN=a", "2: has no kind behind the login; write key, serial or subject"},
        {"a@example.org", "1: has no kind behind the login; write key, serial or subject"},
        {"a@example.org key 00112233\n",
         "1: can't be read; write \"key 64 hexadecimal digits\", \"serial digits issuer\" or \"subject name\""},
        {"a@example.org serial 0G CN=a\n",
         "1: can't be read; write \"key 64 hexadecimal digits\", \"serial digits issuer\" or \"subject name\""},
        {"a@example.org serial 01\n",
         "1: can't be read; write \"key 64 hexadecimal digits\", \"serial digits issuer\" or \"subject name\""},
        {"a@example.org serial 000102030405060708090a0b0c0d0e0f1011121314 CN=a\n", NULL},
        {"a@example.org serial 00000102030405060708090a0b0c0d0e0f1011121314 CN=a\n",
         "1: can't be read; write \"key 64 hexadecimal digits\", \"serial digits issuer\" or \"subject name\""},
        {"a@example.org subject\n",
         "1: can't be read; write \"key 64 hexadecimal digits\", \"serial digits issuer\" or \"subject name\""},
        {"a@example.org subject CN=\xc3\xa9\n",
         "1: holds an octet that is no printable ASCII; names have it escaped, as RFC 2253 writes them"},
        {"a@example.org subject CN=a\x01\n",
         "1: holds an octet that is no printable ASCII; names have it escaped, as RFC 2253 writes them"},
        {"a@example.org serial 01 CN=a\n#\nb@example.org serial 00:01 CN=a\n",
         "3: says of the same certificate as line 1 whose it is; keep one of them"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        auto_strbuf struct strbuf why = STRBUF(512);
        struct map_file *map = map_file_parse(span_of(cases[i].text), &few, &why);
        assert_string_equal(strbuf_text(&why), cases[i].why == NULL ? "" : cases[i].why);
        assert_int_equal(map == NULL, cases[i].why != NULL);
        map_file_free(map);
    }
}

static void test_large_files(void **state)
{
    (void)state;
    auto_strbuf struct strbuf text = STRBUF(MAP_FILE_OCTETS_MAX + 1);
    auto_strbuf struct strbuf name = STRBUF(NAME_OCTETS_MAX);
    auto_strbuf struct strbuf why = STRBUF(512);
    for (unsigned i = 0; i < MAP_FILE_ROWS_MAX - 1; i++)
        strbuf_format(&text, "u%u@example.org subject CN=User %u\n", i, i * 7919 % MAP_FILE_ROWS_MAX);
    strbuf_append(&text, "alice@example.org subject CN=Alice 17\n");
    assert_int_equal(look_up(strbuf_text(&text), &name), CERTIFICATE_OK);
    assert_string_equal(strbuf_text(&name), "alice@example.org");
    strbuf_append(&text, "one@example.org subject CN=One more\n");
    assert_null(map_file_parse(strbuf_span(&text), &everybody, &why));
    assert_string_equal(strbuf_text(&why),
                        "100001: is more than a map file may have; use a pattern, or several authorities");
    strbuf_reset(&why);
    strbuf_reset(&text);
    strbuf_append(&text, "a@example.org subject ");
    for (unsigned i = 0; i < MAP_FILE_LINE_MAX; i++)
        strbuf_append_byte(&text, 'x');
    assert_null(map_file_parse(strbuf_span(&text), &everybody, &why));
    assert_string_equal(strbuf_text(&why), "1: is too long a line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind),
        cmocka_unit_test(test_rows_that_disagree),
        cmocka_unit_test(test_no_rows_name_nobody),
        cmocka_unit_test(test_mistakes_name_their_line),
        cmocka_unit_test(test_large_files),
    };
    return cmocka_run_group_tests(tests, make_card, free_card);
}
