/* Tests of pki/authorities.h: a certificate and its chain, from DER, against PEM files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "certificate_maker.h"
#include "pki/authorities.h"

static struct made root;
static struct made issuing; /* below root */
static struct made client;  /* of issuing: alice */

static int make_chain(void **state)
{
    auto_strbuf struct strbuf buf = STRBUF(1024);
    (void)state;
    root = made_certificate(&(struct made_request){.name = "Root", .is_ca = true, .path_length = -1});
    issuing = made_certificate(
        &(struct made_request){.name = "Issuing", .issuer = &root, .is_ca = true, .path_length = -1});
    client = made_certificate(&(struct made_request){.name = "alice",
                                                     .issuer = &issuing,
                                                     .purposes = "clientAuth",
                                                     .names = made_mailbox("alice@example.org", &buf)});
    return 0;
}

static int free_chain(void **state)
{
    (void)state;
    made_free(&client);
    made_free(&issuing);
    made_free(&root);
    return 0;
}

/* A section that says no more than it must. */
static struct client_ca_request request_of(const char *name, int certificate_fd)
{
    return (struct client_ca_request){.name = span_of(name),
                                      .certificate_fd = certificate_fd,
                                      .map = SPAN("rfc822Name"),
                                      .pattern = SPAN("*"),
                                      .login = SPAN("*"),
                                      .map_file_fd = -1};
}

/* Adds a section of one certificate and, where given, one CRL. */
static void trust_too(struct authorities *authorities, const char *name, X509 *certificate, X509_CRL *crl)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    FILE *certificates = tmpfile();
    FILE *crls = tmpfile();
    assert_int_equal(PEM_write_X509(certificates, certificate), 1);
    assert_int_equal(fflush(certificates), 0);
    if (crl != NULL)
        assert_int_equal(PEM_write_X509_CRL(crls, crl), 1);
    assert_int_equal(fflush(crls), 0);
    struct client_ca_request request = request_of(name, fileno(certificates));
    assert_true(authorities_add(authorities, &request, &why));
    assert_true(crl == NULL || authorities_add_crl(authorities, span_of(name), fileno(crls), &why));
    assert_string_equal(strbuf_text(&why), "");
    assert_int_equal(fclose(certificates), 0);
    assert_int_equal(fclose(crls), 0);
}

static struct authorities *trust(X509 *certificate, X509_CRL *crl)
{
    struct authorities *authorities = authorities_new();
    assert_non_null(authorities);
    trust_too(authorities, "one", certificate, crl);
    return authorities;
}

/* Judges alice's certificate that many seconds from now; chain may be NULL. The authorities go. */
static struct client_certificate judge(struct authorities *authorities, X509 *chain, long from_now_s)
{
    auto_strbuf struct strbuf leaf = STRBUF(8192);
    auto_strbuf struct strbuf others = STRBUF(8192);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    made_append_der(client.certificate, &leaf);
    if (chain != NULL)
        made_append_der(chain, &others);
    assert_true(authorities_verify_der(authorities, strbuf_span(&leaf), strbuf_span(&others),
                                       time(NULL) + from_now_s, &verdict, &name));
    assert_string_equal(strbuf_text(&name),
                        verdict.state == CERTIFICATE_VALID ? "alice@example.org" : "");
    assert_int_equal(ERR_peek_error(), 0);
    authorities_free(authorities);
    return verdict;
}

static void test_a_chain_leads_to_the_authority(void **state)
{
    (void)state;
    assert_int_equal(judge(trust(root.certificate, NULL), issuing.certificate, 0).state,
                     CERTIFICATE_VALID);
    assert_int_equal(judge(trust(root.certificate, NULL), NULL, 0).state, CERTIFICATE_ABSENT);
}

static void test_an_intermediate_is_trusted_alone(void **state)
{
    (void)state;
    assert_int_equal(judge(trust(issuing.certificate, NULL), NULL, 0).state, CERTIFICATE_VALID);
}

static void test_a_stranger_is_absent(void **state)
{
    (void)state;
    struct made other = made_certificate(
        &(struct made_request){.name = "Issuing", .is_ca = true, .path_length = -1});
    assert_int_equal(judge(trust(other.certificate, NULL), issuing.certificate, 0).state,
                     CERTIFICATE_ABSENT);
    made_free(&other);
}

static void test_the_clock_is_the_one_given(void **state)
{
    (void)state;
    assert_int_equal(judge(trust(issuing.certificate, NULL), NULL, 86400).refusal,
                     CERTIFICATE_EXPIRED);
    assert_int_equal(judge(trust(issuing.certificate, NULL), NULL, -86400).refusal,
                     CERTIFICATE_NOT_YET_VALID);
}

static void test_lists_are_looked_up(void **state)
{
    (void)state;
    X509_CRL *empty = made_crl(&issuing, NULL, -60, 3600);
    X509_CRL *full = made_crl(&issuing, client.certificate, -60, 3600);
    X509_CRL *foreign = made_crl(&root, NULL, -60, 3600);
    assert_int_equal(judge(trust(issuing.certificate, empty), NULL, 0).state, CERTIFICATE_VALID);
    assert_int_equal(judge(trust(issuing.certificate, full), NULL, 0).refusal, CERTIFICATE_REVOKED);
    assert_int_equal(judge(trust(issuing.certificate, foreign), NULL, 0).refusal, CERTIFICATE_NO_CRL);
    X509_CRL_free(empty);
    X509_CRL_free(full);
    X509_CRL_free(foreign);
}

static void test_a_list_is_wanted_of_whom_one_is_named(void **state)
{
    (void)state;
    struct made other = made_certificate(
        &(struct made_request){.name = "Other", .is_ca = true, .path_length = -1});
    X509_CRL *others = made_crl(&other, NULL, -60, 3600);
    X509_CRL *full = made_crl(&issuing, client.certificate, -60, 3600);
    struct authorities *authorities = trust(issuing.certificate, NULL);
    trust_too(authorities, "two", other.certificate, others);
    assert_int_equal(judge(authorities, NULL, 0).state, CERTIFICATE_VALID);
    authorities = trust(other.certificate, NULL);
    trust_too(authorities, "two", issuing.certificate, others); /* a list, but another's */
    assert_int_equal(judge(authorities, NULL, 0).refusal, CERTIFICATE_NO_CRL);
    authorities = trust(other.certificate, full); /* a list counts, whatever section names it */
    trust_too(authorities, "two", issuing.certificate, NULL);
    assert_int_equal(judge(authorities, NULL, 0).refusal, CERTIFICATE_REVOKED);
    X509_CRL_free(others);
    X509_CRL_free(full);
    made_free(&other);
}

static void test_an_authority_stands_in_one_section(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(256);
    struct authorities *authorities = trust(issuing.certificate, NULL);
    FILE *file = tmpfile();
    assert_int_equal(PEM_write_X509(file, root.certificate), 1);
    assert_int_equal(PEM_write_X509(file, issuing.certificate), 1);
    assert_int_equal(fflush(file), 0);
    struct client_ca_request request = request_of("two", fileno(file));
    assert_false(authorities_add(authorities, &request, &why));
    assert_string_equal(strbuf_text(&why), "client_ca two: an authority of its file stands in client_ca one too; "
                                           "name it once");
    assert_int_equal(fclose(file), 0);
    authorities_free(authorities);
}

static void test_a_mark_is_found_on_the_list(void **state)
{
    (void)state;
    struct certificate_mark mark;
    X509_CRL *full = made_crl(&issuing, client.certificate, -60, 3600);
    struct client_certificate verdict = judge(trust(issuing.certificate, NULL), NULL, 0);
    struct authorities *listing = trust(issuing.certificate, full);
    assert_true(certificate_mark_read(client.certificate, &verdict, &mark));
    assert_int_equal(authorities_check_mark(listing, &mark, time(NULL)), CERTIFICATE_REVOKED);
    assert_int_equal(authorities_check_mark(NULL, &mark, time(NULL)), CERTIFICATE_OK);
    authorities_free(listing);
    X509_CRL_free(full);
}

static void test_what_is_no_der_is_not_judged(void **state)
{
    (void)state;
    static const uint8_t zeros[AUTHORITIES_CHAIN_OCTETS];
    auto_strbuf struct strbuf der = STRBUF(8192);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    struct client_certificate verdict;
    struct authorities *authorities = trust(issuing.certificate, NULL);
    made_append_der(client.certificate, &der);
    struct span leaf = strbuf_span(&der);
    const struct {
        struct span leaf;
        struct span chain;
    } bad[] = {
        {SPAN_NONE, SPAN_NONE},
        {span_first(leaf, leaf.len - 1), SPAN_NONE},
        {span_make(zeros, 64), SPAN_NONE},
        {leaf, span_make(zeros, 1)},
        {leaf, span_first(leaf, leaf.len - 1)},
        {leaf, span_make(zeros, sizeof zeros)}, /* more than the limit in all */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(authorities_verify_der(authorities, bad[i].leaf, bad[i].chain, time(NULL), &verdict,
                                            &name));
    assert_int_equal(name.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
    authorities_free(authorities);
}

static void test_files_that_hold_none_say_so(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(256);
    FILE *empty = tmpfile();
    struct authorities *authorities = trust(issuing.certificate, NULL);
    struct client_ca_request request = request_of("two", fileno(empty));
    assert_false(authorities_add(authorities, &request, &why));
    assert_string_equal(strbuf_text(&why), "client_ca two: its certificate file holds no PEM certificate, or one "
                                           "that is malformed");
    strbuf_reset(&why);
    assert_false(authorities_add_crl(authorities, SPAN("one"), fileno(empty), &why));
    assert_string_equal(strbuf_text(&why), "holds no PEM CRL, or one that is malformed");
    strbuf_reset(&why);
    assert_false(authorities_add_crl(authorities, SPAN("three"), fileno(empty), &why));
    assert_string_equal(strbuf_text(&why), "a list of an authority that was not told");
    authorities_free(authorities);
    assert_int_equal(fclose(empty), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_leads_to_the_authority),
        cmocka_unit_test(test_an_intermediate_is_trusted_alone),
        cmocka_unit_test(test_a_stranger_is_absent),
        cmocka_unit_test(test_the_clock_is_the_one_given),
        cmocka_unit_test(test_lists_are_looked_up),
        cmocka_unit_test(test_a_list_is_wanted_of_whom_one_is_named),
        cmocka_unit_test(test_an_authority_stands_in_one_section),
        cmocka_unit_test(test_a_mark_is_found_on_the_list),
        cmocka_unit_test(test_what_is_no_der_is_not_judged),
        cmocka_unit_test(test_files_that_hold_none_say_so),
    };
    return cmocka_run_group_tests(tests, make_chain, free_chain);
}
