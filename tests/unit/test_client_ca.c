/*
 * Tests of pki/client_ca.h: what a certificate of a section must be, and whom it names. All of it as the
 * broker asks, by authorities_verify_der().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>

#include "certificate_maker.h"
#include "pki/authorities.h"

static struct made root;

static int make_root(void **state)
{
    (void)state;
    root = made_certificate(&(struct made_request){.name = "Root", .is_ca = true, .path_length = -1});
    return 0;
}

static int free_root(void **state)
{
    (void)state;
    made_free(&root);
    return 0;
}

/* --- Judging --------------------------------------------------------------------------------- */

/* What is judged, by what rules. */
struct trial {
    struct client_ca_request section; /* without its certificate and what has a default */
    const struct made *client;
    const struct made *issuing; /* NULL: the root issued it */
};

static int certificate_file(const X509 *certificate, FILE **ret_file)
{
    *ret_file = tmpfile();
    assert_int_equal(PEM_write_X509(*ret_file, certificate), 1);
    assert_int_equal(fflush(*ret_file), 0);
    return fileno(*ret_file);
}

static void add_section(struct authorities *authorities, struct client_ca_request section,
                        const X509 *certificate)
{
    auto_strbuf struct strbuf why = STRBUF(1024);
    FILE *file;
    section.certificate_fd = certificate_file(certificate, &file);
    section.name = section.name.at == NULL ? SPAN("one") : section.name;
    section.map = section.map.at == NULL ? SPAN("rfc822Name") : section.map;
    section.pattern = section.pattern.at == NULL ? SPAN("*") : section.pattern;
    section.login = section.login.at == NULL ? SPAN("*") : section.login;
    section.map_file_fd = section.map_file_fd == 0 ? -1 : section.map_file_fd;
    bool is_added = authorities_add(authorities, &section, &why);
    assert_string_equal(strbuf_text(&why), "");
    assert_true(is_added);
    (void)fclose(file);
}

static struct client_certificate verify(const struct authorities *authorities, const X509 *client,
                                        const X509 *issuing, struct strbuf *name)
{
    auto_strbuf struct strbuf leaf = STRBUF(AUTHORITIES_CHAIN_OCTETS);
    auto_strbuf struct strbuf chain = STRBUF(AUTHORITIES_CHAIN_OCTETS);
    struct client_certificate verdict;
    made_append_der(client, &leaf);
    if (issuing != NULL)
        made_append_der(issuing, &chain);
    assert_true(authorities_verify_der(authorities, strbuf_span(&leaf), strbuf_span(&chain), time(NULL),
                                       &verdict, name));
    assert_int_equal(verdict.state == CERTIFICATE_VALID, name->len > 0);
    assert_int_equal(ERR_peek_error(), 0);
    return verdict;
}

/* expected: the name, or NULL for a refusal. */
static void expect(struct trial trial, const char *expected, enum certificate_refusal refusal)
{
    auto_strbuf struct strbuf name = STRBUF(NAME_OCTETS_MAX);
    struct authorities *authorities = authorities_new();
    add_section(authorities, trial.section, root.certificate);
    struct client_certificate verdict =
        verify(authorities, trial.client->certificate,
               trial.issuing == NULL ? NULL : trial.issuing->certificate, &name);
    assert_string_equal(strbuf_text(&name), expected == NULL ? "" : expected);
    assert_int_equal(verdict.refusal, refusal);
    assert_int_equal(verdict.state, expected == NULL ? CERTIFICATE_REFUSED : CERTIFICATE_VALID);
    authorities_free(authorities);
}

static struct made client_of(const struct made *issuer, struct made_request request)
{
    auto_strbuf struct strbuf buf = STRBUF(1024);
    request.name = request.name == NULL ? "somebody" : request.name;
    request.issuer = issuer;
    request.purposes = "clientAuth";
    request.names = request.names.at == NULL ? made_mailbox("Alice@example.org", &buf) : request.names;
    return made_certificate(&request);
}

/* --- The subject ----------------------------------------------------------------------------- */

/* One attribute; set: 0 begins a part of its own, -1 joins the one before. */
struct attribute {
    const char *kind;
    int type;
    struct span value;
    int set;
};

static X509_NAME *subject_of(const struct attribute *attributes, size_t count)
{
    X509_NAME *subject = X509_NAME_new();
    for (size_t i = 0; i < count; i++) {
        /* A negative length of another type than a string is taken as the octets that stand there. */
        X509_NAME_ENTRY *entry = NULL;
        ASN1_OBJECT *kind = OBJ_txt2obj(attributes[i].kind, 0);
        entry = X509_NAME_ENTRY_new();
        assert_int_equal(X509_NAME_ENTRY_set_object(entry, kind), 1);
        assert_int_equal(X509_NAME_ENTRY_set_data(entry, attributes[i].type, attributes[i].value.at,
                                                  (int)attributes[i].value.len), 1);
        assert_int_equal(X509_NAME_add_entry(subject, entry, -1, attributes[i].set), 1);
        X509_NAME_ENTRY_free(entry);
        ASN1_OBJECT_free(kind);
    }
    return subject;
}

static void expect_subject(const char *map, const struct attribute *attributes, size_t count,
                           const char *expected, enum certificate_refusal refusal)
{
    X509_NAME *subject = subject_of(attributes, count);
    struct made client = client_of(&root, (struct made_request){.subject = subject});
    expect((struct trial){.client = &client, .section = {.map = span_of(map)}}, expected, refusal);
    made_free(&client);
    X509_NAME_free(subject);
}

#define UTF8(kind, text)      {kind, V_ASN1_UTF8STRING, SPAN(text), 0}
#define UTF8_JOINED(kind, text) {kind, V_ASN1_UTF8STRING, SPAN(text), -1}
#define EXPECT_SUBJECT(map, expected, refusal, ...)                                                \
    expect_subject(map, (const struct attribute[]){__VA_ARGS__},                                   \
                   sizeof((const struct attribute[]){__VA_ARGS__}) / sizeof(struct attribute),     \
                   expected, refusal)

static void test_a_subject_names_its_user(void **state)
{
    (void)state;
    EXPECT_SUBJECT("CN", "bob@example.org", CERTIFICATE_OK, UTF8("O", "Clinic"), UTF8("CN", "bob@example.org"));
    EXPECT_SUBJECT("CN", "bob@example.org", CERTIFICATE_OK,
                   {"CN", V_ASN1_PRINTABLESTRING, SPAN("bob@example.org"), 0});
    EXPECT_SUBJECT("emailAddress", "bob@example.org", CERTIFICATE_OK, UTF8("CN", "eve@example.org"),
                   {"emailAddress", V_ASN1_IA5STRING, SPAN("bob@example.org"), 0});
    EXPECT_SUBJECT("serialNumber", "17@example.org", CERTIFICATE_OK, UTF8("serialNumber", "17@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_NO_NAME, UTF8("O", "Clinic"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_NO_NAME, UTF8("CN", ""));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "Bob"));
}

static void test_a_subject_that_could_be_read_in_two_ways(void **state)
{
    (void)state;
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_SEVERAL_NAMES, UTF8("CN", "bob@example.org"),
                   UTF8("CN", "eve@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_SEVERAL_NAMES, UTF8("CN", "bob@example.org"),
                   UTF8_JOINED("CN", "bob@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_SEVERAL_NAMES, UTF8("CN", ""), UTF8("CN", "bob@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "bob@example.org"),
                   UTF8_JOINED("serialNumber", "17")); /* multi-valued */
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("serialNumber", "17"),
                   UTF8_JOINED("CN", "bob@example.org"));
    /* Other parts may be what they like. */
    EXPECT_SUBJECT("CN", "bob@example.org", CERTIFICATE_OK, UTF8("O", "Clinic"), UTF8_JOINED("OU", "West"),
                   UTF8("CN", "bob@example.org"));
}

static void test_a_subject_of_odd_octets(void **state)
{
    (void)state;
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "bob@example.org\0.evil.example"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "bob@example.org\r\n"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "\xc3\xa9lise@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "*@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "bob*postern@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "CORP\\bob@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME, UTF8("CN", "bob@example.org@example.org"));
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME,
                   {"CN", V_ASN1_BMPSTRING, SPAN("\0b\0o\0b\0@\0b\0.\0c"), 0});
    EXPECT_SUBJECT("CN", NULL, CERTIFICATE_BAD_NAME,
                   {"CN", V_ASN1_T61STRING, SPAN("bob@example.org"), 0});
    static char longest[400];
    memset(longest, 'x', sizeof longest);
    longest[60] = '@';
    const struct attribute attribute = {"CN", V_ASN1_UTF8STRING, span_make(longest, sizeof longest), 0};
    expect_subject("CN", &attribute, 1, NULL, CERTIFICATE_BAD_NAME);
}

/* --- The UPN --------------------------------------------------------------------------------- */

/* An otherName with Microsoft's UPN in a text of that tag. */
static void append_principal_name(struct strbuf *names, uint8_t tag, struct span value)
{
    auto_strbuf struct strbuf inner = STRBUF(512);
    auto_strbuf struct strbuf other = STRBUF(512);
    made_append_name(&inner, tag, value);
    strbuf_append_span(&other, SPAN("\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03"));
    made_append_name(&other, 0xa0, strbuf_span(&inner));
    made_append_name(names, 0xa0, strbuf_span(&other));
}

static void expect_names(const struct strbuf *names, const char *expected, enum certificate_refusal refusal)
{
    auto_strbuf struct strbuf buf = STRBUF(2048);
    struct made client = client_of(&root, (struct made_request){.names = made_names(names, &buf)});
    expect((struct trial){.client = &client, .section = {.map = SPAN("userPrincipalName")}}, expected, refusal);
    made_free(&client);
}

static void test_a_principal_name(void **state)
{
    (void)state;
    auto_strbuf struct strbuf names = STRBUF(2048);
    made_append_name(&names, 0x81, SPAN("eve@example.org"));
    expect_names(&names, NULL, CERTIFICATE_NO_NAME);
    append_principal_name(&names, V_ASN1_UTF8STRING, SPAN("bob@example.org"));
    expect_names(&names, "bob@example.org", CERTIFICATE_OK);
    append_principal_name(&names, V_ASN1_UTF8STRING, SPAN("bob@example.org"));
    expect_names(&names, NULL, CERTIFICATE_SEVERAL_NAMES);
    strbuf_reset(&names);
    append_principal_name(&names, V_ASN1_INTEGER, SPAN("\x11"));
    expect_names(&names, NULL, CERTIFICATE_BAD_NAME);
    append_principal_name(&names, V_ASN1_UTF8STRING, SPAN("bob@example.org"));
    expect_names(&names, NULL, CERTIFICATE_SEVERAL_NAMES);
    strbuf_reset(&names);
    append_principal_name(&names, V_ASN1_BMPSTRING, SPAN("\0b\0o\0b\0@\0b\0.\0c"));
    expect_names(&names, NULL, CERTIFICATE_BAD_NAME);
    strbuf_reset(&names);
    append_principal_name(&names, V_ASN1_UTF8STRING, SPAN("bob@example.org\0"));
    expect_names(&names, NULL, CERTIFICATE_BAD_NAME);
}

/* --- Patterns -------------------------------------------------------------------------------- */

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *value, *pattern, *login, *expected;
    } cases[] = {
        {"PNOFR-1234", "PNOFR-*", "*@example.org", "1234@example.org"},
        {"1234.card", "*.card", "u*@example.org", "u1234@example.org"},
        {"a-1-z", "a-*-z", "*@example.org", "1@example.org"},
        {"pnofr-1234", "PNOFR-*", "*@example.org", NULL}, /* as it is written */
        {"PNODE-1234", "PNOFR-*", "*@example.org", NULL},
        {"PNOFR-", "PNOFR-*", "*@example.org", NULL}, /* nobody */
        {"aba", "ab*ba", "*@example.org", NULL},      /* head and tail don't overlap */
        {"1234@elsewhere.example", "*", "*@example.org", NULL},
        {"1 2", "*", "*@example.org", NULL},
        {"12*4", "*", "*@example.org", NULL},
        {"1234", "*", "*", NULL}, /* no domain */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct attribute attribute = {"serialNumber", V_ASN1_PRINTABLESTRING, span_of(cases[i].value), 0};
        X509_NAME *subject = subject_of(&attribute, 1);
        struct made client = client_of(&root, (struct made_request){.subject = subject});
        expect((struct trial){.client = &client,
                              .section = {.map = SPAN("serialNumber"),
                                          .pattern = span_of(cases[i].pattern),
                                          .login = span_of(cases[i].login)}},
               cases[i].expected, cases[i].expected == NULL ? CERTIFICATE_BAD_NAME : CERTIFICATE_OK);
        made_free(&client);
        X509_NAME_free(subject);
    }
}

/* --- Whom it may name ------------------------------------------------------------------------ */

static void test_name_spaces(void **state)
{
    (void)state;
    struct made client = client_of(&root, (struct made_request){.name = NULL}); /* Alice@example.org */
    static const struct {
        const char *domains, *users;
        bool is_held;
    } cases[] = {
        {"", "", true},
        {"example.org", "", true},
        {"example.net\nexample.org", "", true},
        {"example.net", "alice@example.org", true},
        {"", "alice@example.org", true},
        {"example.net", "", false},
        {"sub.example.org", "", false},
        {"org", "", false},
        {"alice@example.org", "", false},
        {"", "bob@example.org", false},
        {"", "alice@example.or\nlice@example.org", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect((struct trial){.client = &client,
                              .section = {.domains = span_of(cases[i].domains),
                                          .users = span_of(cases[i].users)}},
               cases[i].is_held ? "Alice@example.org" : NULL,
               cases[i].is_held ? CERTIFICATE_OK : CERTIFICATE_FOREIGN_NAME);
    made_free(&client);
}

static void test_another_authority_names_our_user(void **state)
{
    (void)state;
    auto_strbuf struct strbuf name = STRBUF(NAME_OCTETS_MAX);
    struct made partner = made_certificate(
        &(struct made_request){.name = "Partner", .is_ca = true, .path_length = -1});
    struct made ours = client_of(&root, (struct made_request){.name = NULL});
    struct made theirs = client_of(&partner, (struct made_request){.name = NULL});
    struct authorities *authorities = authorities_new();
    add_section(authorities, (struct client_ca_request){.domains = SPAN("example.org")}, root.certificate);
    add_section(authorities,
                (struct client_ca_request){.name = SPAN("partner"), .domains = SPAN("partner.example")},
                partner.certificate);
    assert_int_equal(verify(authorities, ours.certificate, NULL, &name).state, CERTIFICATE_VALID);
    strbuf_reset(&name);
    assert_int_equal(verify(authorities, theirs.certificate, NULL, &name).refusal, CERTIFICATE_FOREIGN_NAME);
    authorities_free(authorities);
    made_free(&ours);
    made_free(&theirs);
    made_free(&partner);
}

/* --- Policies -------------------------------------------------------------------------------- */

static void test_policies(void **state)
{
    (void)state;
    static const struct {
        const char *issuing, *client; /* their policies */
        bool is_held;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4,1.2.3.9", "1.2.3.9,1.2.3.4", true},
        {"2.5.29.32.0", "1.2.3.4", true}, /* the authority may issue under any */
        {"1.2.3.5", "1.2.3.5", true},     /* one of those that are asked for */
        {"1.2.3.9", "1.2.3.4", false},    /* the authority was not allowed to */
        {NULL, "1.2.3.4", false},
        {"1.2.3.4", "1.2.3.9", false},
        {"1.2.3.4", "2.5.29.32.0", false}, /* any, which says nothing */
        {"1.2.3.4", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made issuing = made_certificate(&(struct made_request){.name = "Issuing",
                                                                      .issuer = &root,
                                                                      .is_ca = true,
                                                                      .path_length = -1,
                                                                      .policies = cases[i].issuing});
        struct made client = client_of(&issuing, (struct made_request){.policies = cases[i].client});
        expect((struct trial){.client = &client, .issuing = &issuing,
                              .section = {.policies = SPAN("1.2.3.4\n1.2.3.5")}},
               cases[i].is_held ? "Alice@example.org" : NULL,
               cases[i].is_held ? CERTIFICATE_OK : CERTIFICATE_WRONG_POLICY);
        made_free(&client);
        made_free(&issuing);
    }
}

static void test_a_certificate_that_is_trusted_itself_needs_its_policy(void **state)
{
    (void)state;
    struct authorities *authorities = authorities_new();
    auto_strbuf struct strbuf name = STRBUF(NAME_OCTETS_MAX);
    struct made client = client_of(&root, (struct made_request){.name = NULL});
    add_section(authorities, (struct client_ca_request){.policies = SPAN("1.2.3.4")}, client.certificate);
    assert_int_equal(verify(authorities, client.certificate, NULL, &name).refusal, CERTIFICATE_WRONG_POLICY);
    authorities_free(authorities);
    made_free(&client);
}

/* --- Sections that can't be ------------------------------------------------------------------ */

static void expect_bad(struct client_ca_request section, const char *reason)
{
    auto_strbuf struct strbuf why = STRBUF(1024);
    struct authorities *authorities = authorities_new();
    FILE *file;
    section.name = SPAN("one");
    section.certificate_fd = certificate_file(root.certificate, &file);
    assert_false(authorities_add(authorities, &section, &why));
    assert_string_equal(strbuf_text(&why), reason);
    authorities_free(authorities);
    (void)fclose(file);
}

static void test_sections_that_can_t_be_read_say_so(void **state)
{
    (void)state;
    const struct client_ca_request good = {
        .map = SPAN("CN"), .pattern = SPAN("*"), .login = SPAN("*"), .map_file_fd = -1};
    struct client_ca_request bad = good;
    bad.map = SPAN("cn");
    expect_bad(bad, "client_ca one: map, pattern or login can't be read");
    bad = good;
    bad.pattern = SPAN("**");
    expect_bad(bad, "client_ca one: map, pattern or login can't be read");
    bad = good;
    bad.policies = SPAN("1.2.3\nclinic");
    expect_bad(bad, "client_ca one: an entry of policies is no object identifier");
    FILE *file = tmpfile();
    assert_true(fputs("# cards\nalice key 00\n", file) >= 0);
    assert_int_equal(fflush(file), 0);
    bad = good;
    bad.map_file_fd = fileno(file);
    bad.map_file_name = SPAN("/m");
    expect_bad(bad, "/m:2: begins with no login; write USER@DOMAIN, a kind (key, serial, subject) and what it is");
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_subject_names_its_user),
        cmocka_unit_test(test_a_subject_that_could_be_read_in_two_ways),
        cmocka_unit_test(test_a_subject_of_odd_octets),
        cmocka_unit_test(test_a_principal_name),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_name_spaces),
        cmocka_unit_test(test_another_authority_names_our_user),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_a_certificate_that_is_trusted_itself_needs_its_policy),
        cmocka_unit_test(test_sections_that_can_t_be_read_say_so),
    };
    return cmocka_run_group_tests(tests, make_root, free_root);
}
