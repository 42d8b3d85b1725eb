/* Tests of pki/authority.h and pki/package.h: an authority on disk, and what it hands out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "judge_certificate.h"
#include "pki/authority.h"
#include "pki/package.h"

#define PASSPHRASE SPAN("correct horse battery")

enum { SCRATCH_SIZE = 128, PATH_SIZE = 256 };

static char scratch[SCRATCH_SIZE]; /* a directory of this test alone */
static char ca_dir[PATH_SIZE];  /* an authority that all tests share */
static struct authority *shared;

static const char *in_scratch(const char *name)
{
    static char paths[32][PATH_SIZE]; /* more than a test needs */
    static unsigned next;
    char *path = paths[next++ % 32];
    (void)snprintf(path, PATH_SIZE, "%s/%s", scratch, name);
    return path;
}

static struct authority_request request_for(const char *dir)
{
    return (struct authority_request){.dir = dir,
                                      .passphrase = PASSPHRASE,
                                      .days = AUTHORITY_DAYS_DEFAULT,
                                      .now_s = clock_wall_s()};
}

static int make_scratch(void **state)
{
    (void)state;
    const char *temporary = getenv("TMPDIR");
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    (void)snprintf(scratch, sizeof scratch, "%s/test_authority.XXXXXX",
                   temporary == NULL ? "/tmp" : temporary);
    if (mkdtemp(scratch) == NULL)
        return -1;
    (void)snprintf(ca_dir, sizeof ca_dir, "%s/ca", scratch);
    struct authority_request request = request_for(ca_dir);
    if (!authority_create(&request, &error))
        return -1;
    shared = authority_load(ca_dir, PASSPHRASE, &error);
    return shared == NULL ? -1 : 0;
}

/* Removes a directory of files and directories of files. */
static void remove_tree(const char *path, unsigned depth)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char name[2 * PATH_SIZE + 256];
        if (entry->d_name[0] == '.' && (entry->d_name[1] == '\0' || entry->d_name[1] == '.'))
            continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name) != 0 && depth > 0)
            remove_tree(name, depth - 1);
    }
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(path);
}

static int remove_scratch(void **state)
{
    (void)state;
    authority_free(shared);
    remove_tree(scratch, 2);
    return 0;
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t count = 0;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count++;
    (void)closedir(dir);
    return count - 2; /* . and .. */
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void write_file(const char *path, const char *content, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    return file;
}

static X509 *read_certificate(const char *path)
{
    FILE *file = open_file(path);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(certificate);
    (void)fclose(file);
    return certificate;
}

/* One sentence that names what is wrong, without a line end. */
static void assert_sentence(const struct strbuf *error, const char *part)
{
    assert_true(error->len > 10 && !strbuf_failed(error));
    assert_null(strchr(strbuf_text(error), '\n'));
    if (strstr(strbuf_text(error), part) == NULL)
        fail_msg("\"%s\" does not mention \"%s\"", strbuf_text(error), part);
}

static struct issued *issue(const char *login)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    const struct issue_request request = {
        .login = span_of(login), .days = ISSUED_DAYS_DEFAULT, .now_s = clock_wall_s()};
    struct issued *issued = authority_issue(shared, &request, &error);
    assert_string_equal(strbuf_text(&error), "");
    assert_non_null(issued);
    return issued;
}

/* --- The authority ------------------------------------------------------------------------------ */

static void test_what_init_leaves(void **state)
{
    (void)state;
    char path[PATH_SIZE + 16];
    assert_int_equal(count_entries(ca_dir), 2); /* no temporary file */
    assert_int_equal(mode_of(ca_dir), 0700);
    (void)snprintf(path, sizeof path, "%s/ca.key", ca_dir);
    assert_int_equal(mode_of(path), 0600);
    FILE *file = open_file(path);
    X509_SIG *encrypted = PEM_read_PKCS8(file, NULL, NULL, NULL);
    const X509_ALGOR *scheme = NULL;
    assert_non_null(encrypted);
    X509_SIG_get0(encrypted, &scheme, NULL);
    assert_int_equal(OBJ_obj2nid(scheme->algorithm), NID_pbes2);
    X509_SIG_free(encrypted);
    (void)fclose(file);
}

static void test_the_certificate_of_the_authority(void **state)
{
    (void)state;
    char path[PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/ca.pem", ca_dir);
    X509 *certificate = read_certificate(path);
    assert_int_equal(X509_check_ca(certificate), 1);
    assert_int_equal(X509_get_pathlen(certificate), 0);
    assert_int_equal(X509_get_key_usage(certificate), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_self_signed(certificate, 1), 1);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(certificate)), 256);
    assert_non_null(X509_get0_subject_key_id(certificate));
    X509_free(certificate);
}

static void assert_create_refused(struct authority_request request, const char *part)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    assert_false(authority_create(&request, &error));
    assert_sentence(&error, part);
}

static void test_an_authority_is_never_overwritten(void **state)
{
    (void)state;
    char path[PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/ca.pem", ca_dir);
    X509 *before = read_certificate(path);
    assert_create_refused(request_for(ca_dir), "ca.pem is there already");
    X509 *after = read_certificate(path);
    assert_int_equal(X509_cmp(before, after), 0);
    X509_free(before);
    X509_free(after);
    const char *dir = in_scratch("only-key");
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/ca.key", dir);
    assert_int_equal(symlink("/nowhere", path), 0); /* not even what a dangling link stands for */
    assert_create_refused(request_for(dir), "ca.key is there already");
    assert_int_equal(count_entries(dir), 1);
}

static void test_bad_requests(void **state)
{
    (void)state;
    const char *dir = in_scratch("refused");
    struct authority_request request = request_for(dir);
    request.passphrase = SPAN("short");
    assert_create_refused(request, "passphrase");
    request.passphrase = SPAN("with a\ttab in it");
    assert_create_refused(request, "control");
    request = request_for(dir);
    request.days = 0;
    assert_create_refused(request, "days");
    request.days = AUTHORITY_DAYS_MAX + 1;
    assert_create_refused(request, "days");
    request = request_for(dir);
    request.name = "";
    assert_create_refused(request, "name");
    request.name = "two\nlines";
    assert_create_refused(request, "name");
    request.name = "0123456789012345678901234567890123456789012345678901234567890123x";
    assert_create_refused(request, "name");
    assert_false(exists(dir));
    assert_create_refused(request_for(in_scratch("missing/ca")), "missing/ca");
}

static void test_a_directory_that_others_write_to(void **state)
{
    (void)state;
    const char *dir = in_scratch("open");
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(chmod(dir, 0770), 0);
    assert_create_refused(request_for(dir), "chmod 700");
    assert_int_equal(count_entries(dir), 0);
    write_file(in_scratch("file"), "x", 0600);
    assert_create_refused(request_for(in_scratch("file")), "file");
}

/* Every file may have so many octets and no more, as on a full disk. */
static struct rlimit limit_files(rlim_t octets)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = octets, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    return before;
}

static void test_a_failed_write_leaves_nothing(void **state)
{
    (void)state;
    const rlim_t limits[] = {0, 100, 450}; /* in ca.key, and in ca.pem, which is longer */
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
        const char *dir = in_scratch("full");
        struct authority_request request = request_for(dir);
        struct rlimit before = limit_files(limits[i]);
        bool is_made = authority_create(&request, &error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_false(is_made);
        assert_sentence(&error, i < 2 ? "full/ca.key: File too large" : "full/ca.pem: File too large");
        assert_false(exists(dir)); /* it was empty again, so it could go */
    }
}

static void test_a_name_beyond_ascii(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct authority_request request = request_for(in_scratch("name"));
    request.name = "Autorit\u00e9, CN=Evil";
    assert_true(authority_create(&request, &error));
    struct authority *authority = authority_load(request.dir, PASSPHRASE, &error);
    const struct issue_request wish = {
        .login = SPAN("alice@example.org"), .days = 1, .now_s = clock_wall_s()};
    struct issued *issued = authority_issue(authority, &wish, &error);
    assert_string_equal(issued_facts(issued)->issuer, "CN=Autorit\\C3\\A9\\, CN=Evil");
    issued_free(issued);
    authority_free(authority);
}

static void assert_load_refused(const char *dir, struct span passphrase, const char *part)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    assert_null(authority_load(dir, passphrase, &error));
    assert_sentence(&error, part);
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_loading_refuses(void **state)
{
    (void)state;
    char path[PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/ca.key", ca_dir);
    assert_load_refused(ca_dir, SPAN("correct horse batterz"), "passphrase");
    assert_load_refused(ca_dir, SPAN_NONE, "passphrase");
    assert_load_refused(in_scratch("missing"), PASSPHRASE, "No such file");
    assert_int_equal(chmod(path, 0640), 0);
    assert_load_refused(ca_dir, PASSPHRASE, "chmod 600");
    assert_int_equal(chmod(path, 0600), 0);
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
    char content[8192];
    FILE *file = open_file(from);
    size_t len = fread(content, 1, sizeof content - 1, file);
    content[len] = '\0';
    (void)fclose(file);
    write_file(to, content, mode);
}

static void test_loading_refuses_a_key_of_another(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    char from[PATH_SIZE + 16];
    struct authority_request request = request_for(in_scratch("other"));
    assert_true(authority_create(&request, &error));
    (void)snprintf(from, sizeof from, "%s/ca.pem", ca_dir);
    assert_int_equal(unlink(in_scratch("other/ca.pem")), 0);
    copy_file(from, in_scratch("other/ca.pem"), 0644);
    assert_load_refused(request.dir, PASSPHRASE, "not the key");
    assert_int_equal(unlink(in_scratch("other/ca.key")), 0);
    write_file(in_scratch("other/ca.key"), "-----BEGIN PRIVATE KEY-----\n", 0600);
    assert_load_refused(request.dir, PASSPHRASE, "encrypted");
    assert_int_equal(unlink(in_scratch("other/ca.pem")), 0);
    write_file(in_scratch("other/ca.pem"), "nothing", 0600);
    assert_load_refused(request.dir, PASSPHRASE, "no certificate");
}

static void test_a_clients_certificate_is_no_authority(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    const char *dir = in_scratch("client-as-ca");
    struct issued *issued = issue("alice@example.org");
    assert_true(package_write_pem(issued, dir, &error));
    assert_int_equal(rename(in_scratch("client-as-ca/cert.pem"), in_scratch("client-as-ca/ca.pem")), 0);
    assert_int_equal(rename(in_scratch("client-as-ca/key.pem"), in_scratch("client-as-ca/ca.key")), 0);
    assert_load_refused(dir, PASSPHRASE, "no certificate of an authority");
    issued_free(issued);
}

static void test_passphrase_files(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct secret passphrase = {NULL, 0};
    write_file(in_scratch("pass"), "one two three\r\nsecond line\n", 0600);
    assert_true(authority_read_passphrase(in_scratch("pass"), &passphrase, &error));
    assert_true(secret_equal(secret_span(&passphrase), SPAN("one two three")));
    secret_fini(&passphrase);
    write_file(in_scratch("pass-open"), "one two three", 0644);
    assert_false(authority_read_passphrase(in_scratch("pass-open"), &passphrase, &error));
    assert_sentence(&error, "chmod 600");
    strbuf_reset(&error);
    write_file(in_scratch("pass-empty"), "\nsecond", 0600);
    assert_false(authority_read_passphrase(in_scratch("pass-empty"), &passphrase, &error));
    assert_sentence(&error, "first line");
    strbuf_reset(&error);
    assert_false(authority_read_passphrase("/dev/zero", &passphrase, &error));
    assert_sentence(&error, "neither a file nor a pipe");
    assert_null(passphrase.at);
}

static void test_a_passphrase_from_a_pipe(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct secret passphrase = {NULL, 0};
    char path[64];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "from a pipe\n", 12), 12);
    assert_int_equal(close(ends[1]), 0);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_true(authority_read_passphrase(path, &passphrase, &error));
    assert_true(secret_equal(secret_span(&passphrase), SPAN("from a pipe")));
    secret_fini(&passphrase);
    assert_int_equal(close(ends[0]), 0);
}

/* --- Certificates ------------------------------------------------------------------------------- */

static void test_an_issued_certificate_logs_its_user_in(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    char path[PATH_SIZE + 16];
    struct issued *issued = issue("alice@example.org");
    const struct issued_facts *facts = issued_facts(issued);
    assert_true(package_write_pem(issued, in_scratch("alice"), &error));
    (void)snprintf(path, sizeof path, "%s/ca.pem", ca_dir);
    X509 *ca = read_certificate(path);
    X509 *certificate = read_certificate(in_scratch("alice/cert.pem"));
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *attempt = X509_STORE_CTX_new();
    struct client_certificate verdict;
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    assert_int_equal(X509_STORE_CTX_init(attempt, store, certificate, NULL), 1);
    assert_int_equal(X509_STORE_CTX_set_default(attempt, "ssl_client"), 1);
    client_certificate_verify_chain(attempt);
    judge_certificate(certificate, X509_STORE_CTX_get_error(attempt), &verdict, &name);
    assert_int_equal(verdict.state, CERTIFICATE_VALID);
    assert_string_equal(strbuf_text(&name), "alice@example.org");
    assert_int_equal(verdict.not_after_s, facts->not_after_s);
    assert_memory_equal(verdict.fingerprint, facts->fingerprint, sizeof facts->fingerprint);
    X509_STORE_CTX_free(attempt);
    X509_STORE_free(store);
    X509_free(certificate);
    X509_free(ca);
    issued_free(issued);
}

static void test_the_fields_of_an_issued_certificate(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct issued *issued = issue("alice@example.org");
    assert_true(package_write_pem(issued, in_scratch("fields"), &error));
    X509 *certificate = read_certificate(in_scratch("fields/cert.pem"));
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = BN_bn2hex(serial);
    char common_name[128];
    assert_string_equal(issued_facts(issued)->issuer, "CN=" AUTHORITY_NAME_DEFAULT);
    assert_int_equal(strlen(issued_facts(issued)->serial), 32);
    assert_true(span_equal_nocase(span_of(hex), span_of(issued_facts(issued)->serial)));
    assert_int_equal(X509_check_ca(certificate), 0);
    assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(certificate), XKU_SSL_CLIENT);
    assert_non_null(X509_get0_subject_key_id(certificate));
    assert_non_null(X509_get0_authority_key_id(certificate));
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                          common_name, sizeof common_name) > 0);
    assert_string_equal(common_name, "alice@example.org");
    assert_true(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0);
    OPENSSL_free(hex);
    BN_free(serial);
    X509_free(certificate);
    issued_free(issued);
}

static void test_a_long_login(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    const char *login = "a-name-of-some-length@a-rather-long-domain-of-several-labels.department."
                        "university.example.org";
    struct issued *issued = issue(login);
    struct client_certificate verdict;
    assert_true(package_write_pem(issued, in_scratch("long"), &error));
    X509 *certificate = read_certificate(in_scratch("long/cert.pem"));
    judge_certificate(certificate, X509_V_OK, &verdict, &name);
    assert_int_equal(verdict.state, CERTIFICATE_VALID);
    assert_string_equal(strbuf_text(&name), login);
    X509_free(certificate);
    issued_free(issued);
}

static void assert_issue_refused(struct span login, unsigned days, int64_t now_s, const char *part)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    const struct issue_request request = {.login = login, .days = days, .now_s = now_s};
    assert_null(authority_issue(shared, &request, &error));
    assert_sentence(&error, part);
}

static void test_what_is_not_issued(void **state)
{
    (void)state;
    const struct span alice = SPAN("alice@example.org");
    int64_t now_s = clock_wall_s();
    int64_t last_day_s = now_s + (int64_t)(AUTHORITY_DAYS_DEFAULT - 3) * 86400 - 600;
    const struct span bad[] = {SPAN_NONE,
                               SPAN("alice"),
                               SPAN("alice@"),
                               SPAN("@example.org"),
                               SPAN("a@b@c"),
                               SPAN("al ice@example.org"),
                               SPAN("alic\xc3\xa9@example.org"),
                               SPAN("alice\0@example.org"),
                               SPAN("alice@example.org\n")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_issue_refused(bad[i], 30, now_s, "login");
    assert_issue_refused(alice, 0, now_s, "days");
    assert_issue_refused(alice, ISSUED_DAYS_MAX + 1, now_s, "days");
    assert_issue_refused(alice, 4, last_day_s, "in 3 days");
    assert_issue_refused(alice, 1, now_s + (int64_t)AUTHORITY_DAYS_DEFAULT * 86400, "expired");
}

static void test_serials_and_keys_differ(void **state)
{
    (void)state;
    struct issued *one = issue("alice@example.org");
    struct issued *two = issue("alice@example.org");
    assert_string_not_equal(issued_facts(one)->serial, issued_facts(two)->serial);
    assert_memory_not_equal(issued_facts(one)->fingerprint, issued_facts(two)->fingerprint, 32);
    issued_free(one);
    issued_free(two);
}

/* --- Packages ----------------------------------------------------------------------------------- */

static void test_passwords(void **state)
{
    (void)state;
    auto_strbuf struct strbuf one = STRBUF(64);
    auto_strbuf struct strbuf two = STRBUF(64);
    package_append_password(&one);
    package_append_password(&two);
    assert_int_equal(one.len, PACKAGE_PASSWORD_LENGTH);
    assert_string_not_equal(strbuf_text(&one), strbuf_text(&two));
    for (size_t i = 0; i < one.len; i++) {
        if (i % 5 == 4)
            assert_int_equal(one.at[i], '-');
        else
            assert_non_null(strchr("abcdefghijkmnpqrstuvwxyz23456789", one.at[i]));
    }
}

static PKCS12 *read_pkcs12(const char *path)
{
    FILE *file = open_file(path);
    PKCS12 *package = d2i_PKCS12_fp(file, NULL);
    assert_non_null(package);
    (void)fclose(file);
    return package;
}

/* Opens the file as an import does, and looks at what is in it. */
static void assert_pkcs12(const char *path, const char *password, const char *label)
{
    PKCS12 *package = read_pkcs12(path);
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    STACK_OF(X509) *others = NULL;
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(PKCS12_parse(package, "wrong", &key, &certificate, &others), 0);
    ERR_clear_error();
    assert_int_equal(PKCS12_parse(package, password, &key, &certificate, &others), 1);
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    int len = 0;
    const unsigned char *alias = X509_alias_get0(certificate, &len);
    assert_true(span_equal(span_make(alias, (size_t)len), span_of(label)));
    assert_int_equal(sk_X509_num(others), others == NULL ? -1 : 0);
    sk_X509_pop_free(others, X509_free);
    EVP_PKEY_free(key);
    X509_free(certificate);
    PKCS12_free(package);
}

static int mac_digest(const char *path)
{
    PKCS12 *package = read_pkcs12(path);
    const X509_ALGOR *digest = NULL;
    PKCS12_get0_mac(NULL, &digest, NULL, NULL, package);
    int nid = OBJ_obj2nid(digest->algorithm);
    PKCS12_free(package);
    return nid;
}

static void test_pkcs12(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct issued *issued = issue("alice@example.org");
    const struct span password = SPAN("abcd-efgh-jkmn-pqrs");
    const char *modern = in_scratch("modern.p12");
    const char *compatible = in_scratch("compatible.p12");
    assert_true(package_check_file(modern, &error));
    assert_true(
        package_write_pkcs12(issued, modern, "iphone", password, PACKAGE_MODERN, &error));
    assert_true(package_write_pkcs12(issued, compatible, "t\u00e9l\u00e9phone", password,
                                     PACKAGE_COMPATIBLE, &error));
    assert_pkcs12(modern, "abcd-efgh-jkmn-pqrs", "iphone");
    assert_pkcs12(compatible, "abcd-efgh-jkmn-pqrs", "t\u00e9l\u00e9phone");
    assert_int_equal(mac_digest(modern), NID_sha256);
    assert_int_equal(mac_digest(compatible), NID_sha1);
    assert_false(package_check_file(modern, &error));
    assert_sentence(&error, "modern.p12");
    strbuf_reset(&error);
    assert_false(
        package_write_pkcs12(issued, modern, "iphone", password, PACKAGE_MODERN, &error));
    assert_sentence(&error, "File exists");
    issued_free(issued);
}

static void assert_pkcs12_refused(const struct issued *issued, const char *file, const char *device,
                                  struct span password, const char *part)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    assert_false(package_write_pkcs12(issued, file, device, password, PACKAGE_MODERN, &error));
    assert_sentence(&error, part);
    assert_false(exists(file));
}

static void test_pkcs12_refusals(void **state)
{
    (void)state;
    struct issued *issued = issue("alice@example.org");
    const char *file = in_scratch("refused.p12");
    const struct span password = SPAN("abcd-efgh-jkmn-pqrs");
    size_t before = count_entries(scratch);
    assert_pkcs12_refused(issued, file, "", password, "name");
    assert_pkcs12_refused(issued, file, "two\nlines", password, "name");
    assert_pkcs12_refused(issued, file, "iphone", SPAN_NONE, "password");
    assert_pkcs12_refused(issued, file, "iphone", SPAN("with\0nul"), "password");
    assert_pkcs12_refused(issued, in_scratch("nowhere/x.p12"), "iphone", password, "nowhere");
    assert_pkcs12_refused(issued, in_scratch("nowhere/"), "iphone", password, "no name");
    assert_int_equal(count_entries(scratch), before);
    issued_free(issued);
}

static void test_pem(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct issued *issued = issue("alice@example.org");
    const char *dir = in_scratch("pem");
    assert_true(package_check_pem(dir, &error));
    assert_false(exists(dir));
    assert_true(package_write_pem(issued, dir, &error));
    assert_int_equal(mode_of(dir), 0700);
    assert_int_equal(mode_of(in_scratch("pem/key.pem")), 0600);
    assert_int_equal(mode_of(in_scratch("pem/cert.pem")), 0600);
    FILE *file = open_file(in_scratch("pem/key.pem"));
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    X509 *certificate = read_certificate(in_scratch("pem/cert.pem"));
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    (void)fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    assert_false(package_check_pem(dir, &error));
    assert_sentence(&error, "cert.pem");
    issued_free(issued);
}

static void test_pem_leaves_no_half(void **state)
{
    (void)state;
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct issued *issued = issue("alice@example.org");
    const char *dir = in_scratch("half");
    assert_int_equal(mkdir(dir, 0700), 0);
    write_file(in_scratch("half/cert.pem"), "of somebody", 0644);
    assert_false(package_write_pem(issued, dir, &error));
    assert_sentence(&error, "cert.pem");
    assert_int_equal(count_entries(dir), 1); /* key.pem was made first, and taken away again */
    assert_int_equal(mode_of(in_scratch("half/cert.pem")), 0644);
    issued_free(issued);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_init_leaves),
        cmocka_unit_test(test_the_certificate_of_the_authority),
        cmocka_unit_test(test_an_authority_is_never_overwritten),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_a_directory_that_others_write_to),
        cmocka_unit_test(test_a_failed_write_leaves_nothing),
        cmocka_unit_test(test_a_name_beyond_ascii),
        cmocka_unit_test(test_loading_refuses),
        cmocka_unit_test(test_loading_refuses_a_key_of_another),
        cmocka_unit_test(test_a_clients_certificate_is_no_authority),
        cmocka_unit_test(test_passphrase_files),
        cmocka_unit_test(test_a_passphrase_from_a_pipe),
        cmocka_unit_test(test_an_issued_certificate_logs_its_user_in),
        cmocka_unit_test(test_the_fields_of_an_issued_certificate),
        cmocka_unit_test(test_a_long_login),
        cmocka_unit_test(test_what_is_not_issued),
        cmocka_unit_test(test_serials_and_keys_differ),
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_pkcs12),
        cmocka_unit_test(test_pkcs12_refusals),
        cmocka_unit_test(test_pem),
        cmocka_unit_test(test_pem_leaves_no_half),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
