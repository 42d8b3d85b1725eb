/* Tests of pki/certificate_mark.h: a mark is found on its issuer's list, and on no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pki/certificate_mark.h"

enum { NOT_AFTER = 2000000000 };

static EVP_PKEY *key;

static X509_NAME *name_of(const char *text)
{
    X509_NAME *name = X509_NAME_new();
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text,
                                                -1, -1, 0), 1);
    return name;
}

static ASN1_INTEGER *serial_of(const char *hex)
{
    BIGNUM *number = NULL;
    assert_true(BN_hex2bn(&number, hex) > 0);
    ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(number, NULL);
    BN_free(number);
    return serial;
}

static X509 *certificate(const char *issuer, const char *serial)
{
    X509 *made = X509_new();
    X509_NAME *name = name_of(issuer);
    ASN1_INTEGER *number = serial_of(serial);
    assert_int_equal(X509_set_serialNumber(made, number), 1);
    assert_int_equal(X509_set_issuer_name(made, name), 1);
    ASN1_INTEGER_free(number);
    X509_NAME_free(name);
    return made;
}

static X509_CRL *list(const char *issuer, const char *serial)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *name = name_of(issuer);
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *number = serial_of(serial);
    ASN1_TIME *now = ASN1_TIME_set(NULL, 1000000000);
    assert_int_equal(X509_CRL_set_issuer_name(crl, name), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, now), 1);
    assert_int_equal(X509_REVOKED_set_serialNumber(entry, number), 1);
    assert_int_equal(X509_REVOKED_set_revocationDate(entry, now), 1);
    assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
    assert_int_equal(X509_CRL_sort(crl), 1);
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    ASN1_TIME_free(now);
    ASN1_INTEGER_free(number);
    X509_NAME_free(name);
    return crl;
}

static struct certificate_mark mark_of(const char *issuer, const char *serial)
{
    struct client_certificate read = {.state = CERTIFICATE_VALID, .not_after_s = NOT_AFTER};
    struct certificate_mark mark;
    X509 *made = certificate(issuer, serial);
    memset(read.fingerprint, 7, sizeof read.fingerprint);
    assert_true(certificate_mark_read(made, &read, &mark));
    assert_memory_equal(mark.fingerprint, read.fingerprint, sizeof mark.fingerprint);
    X509_free(made);
    return mark;
}

static enum certificate_refusal check(const struct certificate_mark *mark, X509_CRL *crl, int64_t now_s)
{
    STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
    assert_true(sk_X509_CRL_push(crls, crl) > 0);
    enum certificate_refusal refusal = certificate_mark_check(mark, crls, now_s);
    sk_X509_CRL_free(crls);
    return refusal;
}

static void test_listed_serials_are_found(void **state)
{
    (void)state;
    static const char *const serials[] = {"01", "80", "FF00", "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"};
    for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
        struct certificate_mark mark = mark_of("Ours", serials[i]);
        X509_CRL *ours = list("Ours", serials[i]);
        X509_CRL *theirs = list("Theirs", serials[i]);
        X509_CRL *other = list("Ours", "02");
        assert_int_equal(check(&mark, ours, 0), CERTIFICATE_REVOKED);
        assert_int_equal(check(&mark, theirs, 0), CERTIFICATE_OK);
        assert_int_equal(check(&mark, other, 0), CERTIFICATE_OK);
        X509_CRL_free(ours);
        X509_CRL_free(theirs);
        X509_CRL_free(other);
    }
}

static void test_the_end_is_noticed(void **state)
{
    (void)state;
    struct certificate_mark mark = mark_of("Ours", "01");
    assert_int_equal(certificate_mark_check(&mark, NULL, NOT_AFTER), CERTIFICATE_OK);
    assert_int_equal(certificate_mark_check(&mark, NULL, NOT_AFTER + 1), CERTIFICATE_EXPIRED);
}

static void test_a_serial_beyond_the_standard_is_refused(void **state)
{
    (void)state;
    struct client_certificate read = {.state = CERTIFICATE_VALID};
    struct certificate_mark mark;
    X509 *longest = certificate("Ours", "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
    assert_false(certificate_mark_read(longest, &read, &mark));
    X509_free(longest);
    X509 *negative = certificate("Ours", "-05");
    assert_false(certificate_mark_read(negative, &read, &mark));
    X509_free(negative);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed_serials_are_found),
        cmocka_unit_test(test_the_end_is_noticed),
        cmocka_unit_test(test_a_serial_beyond_the_standard_is_refused),
    };
    key = EVP_EC_gen("P-256");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(key);
    return failed;
}
