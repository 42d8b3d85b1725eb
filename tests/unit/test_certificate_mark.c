/* Tests of pki/certificate_mark.h: what is kept of a certificate whose session lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/x509v3.h>
#include <string.h>

#include "pki/certificate_mark.h"

enum { NOT_AFTER = 2000000000 };

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

static struct certificate_mark mark_of(const char *issuer, const char *serial)
{
    struct client_certificate read = {.state = CERTIFICATE_VALID, .not_after_s = NOT_AFTER};
    struct certificate_mark mark;
    X509 *made = certificate(issuer, serial);
    memset(read.fingerprint, 7, sizeof read.fingerprint);
    assert_true(certificate_mark_read(made, &read, NULL, &mark));
    assert_memory_equal(mark.fingerprint, read.fingerprint, sizeof mark.fingerprint);
    X509_free(made);
    return mark;
}

static void test_a_serial_is_kept_without_zeros_before_it(void **state)
{
    (void)state;
    static const char *const serials[] = {"01", "80", "FF00", "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"};
    static const uint8_t sizes[] = {1, 1, 2, SERIAL_MAX};
    static const uint8_t firsts[] = {0x01, 0x80, 0xff, 0x7f};
    for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
        struct certificate_mark mark = mark_of("Ours", serials[i]);
        assert_int_equal(mark.serial_size, sizes[i]);
        assert_int_equal(mark.serial[0], firsts[i]);
        assert_int_equal(mark.not_after_s, NOT_AFTER);
    }
}

static void test_who_signed_it_may_be_unknown(void **state)
{
    (void)state;
    const struct issuer nobody = {.name = {0}};
    struct issuer somebody;
    struct client_certificate read = {.state = CERTIFICATE_VALID};
    struct certificate_mark mark = mark_of("Ours", "01");
    assert_memory_equal(&mark.issuer, &nobody, sizeof nobody);
    X509 *made = certificate("Ours", "01");
    memset(&somebody, 9, sizeof somebody);
    assert_true(certificate_mark_read(made, &read, &somebody, &mark));
    assert_memory_equal(&mark.issuer, &somebody, sizeof somebody);
    X509_free(made);
}

static void test_a_serial_beyond_the_standard_is_refused(void **state)
{
    (void)state;
    struct client_certificate read = {.state = CERTIFICATE_VALID};
    struct certificate_mark mark;
    X509 *longest = certificate("Ours", "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
    assert_false(certificate_mark_read(longest, &read, NULL, &mark));
    X509_free(longest);
    X509 *negative = certificate("Ours", "-05");
    assert_false(certificate_mark_read(negative, &read, NULL, &mark));
    X509_free(negative);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_serial_is_kept_without_zeros_before_it),
        cmocka_unit_test(test_who_signed_it_may_be_unknown),
        cmocka_unit_test(test_a_serial_beyond_the_standard_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
