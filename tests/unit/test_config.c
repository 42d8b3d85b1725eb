/* Tests of config/config.h: what is read into which field, files, and what --explain prints. */
#include "config_case.h"

#include <stdio.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/explain.h"
#include "config/values.h"

/* --- What is read ---------------------------------------------------------------------------- */

static const char whole[] =
    "hostname = Mail.Example.ORG\n"
    "domains = {example.org, XN--MLLER-KVA.example}\n"
    "state = \"sqlite:/s/state.db\"\nlanguage = fr\noperators = {alice, bob}\ngates = 3 drain = 90min\n"
    "tls { certificate = {/c1, /c2} key = {/k1, /k2} minimum_version = 1.3 }\n"
    "client_ca own { certificate = /ca }\nclient_ca other { certificate = /o crl = {/r, /s} domains = other.example }\n"
    "login { netbios_domains = {\"CORP=Example.org\"} }\n"
    "limits { idle = 2h failure_delay = 500ms connections = 7000 }\n"
    "backend one { address = {\"127.0.0.2:143\", \"[::1]:144\"} identify = proxy username = local "
    "master_user = m master_password_file = /p master_separator = '%' }\n"
    "backend two { address = \"192.0.2.1:993\" tls = implicit tls_name = IMAP.example.org ca = /b "
    "}\n"
    "listener a { bind = {\"0.0.0.0:993\", \"[::]:993\"} protocol = imap tls = implicit backend = "
    "two "
    "login = {\"certificate+password\", oauth} proxy_protocol = {\"10.0.0.0/8\", \"::1\"} }\n"
    "listener b { bind = \"[::]:994\" protocol = imap tls = implicit backend = one "
    "login = certificate preauth = yes }\n";

static struct config *read_good(const char *text)
{
    auto_strbuf struct strbuf errors = STRBUF(4096);
    struct config *config = config_read_text("f", span_of(text), CONFIG_FILES_ASSUMED, &errors);
    assert_string_equal(strbuf_text(&errors), "");
    assert_non_null(config);
    return config;
}

static void test_fields(void **state)
{
    (void)state;
    struct config *config = read_good(whole);
    assert_string_equal(config->file, "f");
    assert_string_equal(config->hostname, "mail.example.org");
    assert_int_equal(config->domains.count, 2);
    assert_string_equal(config->domains.at[1], "xn--mller-kva.example");
    assert_string_equal(config->state_file, "/s/state.db");
    assert_string_equal(config->language, "fr");
    assert_string_equal(config->control, "/run/postern/control");
    assert_string_equal(config->operators.at[1], "bob");
    assert_int_equal(config->gates, 3);
    assert_int_equal(config->drain_ms, 5400000);
    assert_int_equal(config->tls.keys.count, 2);
    assert_int_equal(config->tls.minimum_version, 0x0304);
    assert_int_equal(config->client_ca_count, 2);
    assert_string_equal(config->client_cas[0].name, "own");
    assert_string_equal(config->client_cas[0].certificate, "/ca");
    assert_int_equal(config->client_cas[0].crls.count, 0);
    assert_string_equal(config->client_cas[1].crls.at[1], "/s");
    assert_null(config->login.default_domain);
    assert_string_equal(config->login.netbios_domains.at[0], "CORP=example.org");
    assert_int_equal(config->limits.idle_ms, 7200000);
    assert_int_equal(config->limits.failure_delay_ms, 500);
    assert_int_equal(config->limits.login_ms, 60000);
    assert_int_equal(config->limits.connections_per_prefix, 200);
    config_free(config);
}

static void test_defaults_give_way_to_a_wider_limit(void **state)
{
    (void)state;
    struct config *config = read_good(
        "hostname = mail.example.org\n"
        "tls { certificate = /c key = /k }\n"
        "limits { connections = 30 login = 10s }\n"
        "backend one { address = \"127.0.0.1:143\" }\n"
        "listener a { bind = \"[::]:993\" protocol = imap tls = implicit backend = one "
        "login = password }\n");
    assert_int_equal(config->limits.connections_per_prefix, 30);
    assert_int_equal(config->limits.connections_per_address, 30);
    assert_int_equal(config->limits.sessions_per_user, 30);
    assert_int_equal(config->limits.sessions_per_user_and_address, 30);
    assert_int_equal(config->limits.handshake_ms, 10000);
    config_free(config);
}

static void test_fields_of_titled_sections(void **state)
{
    (void)state;
    struct config *config = read_good(whole);
    assert_int_equal(config->backend_count, 2);
    const struct config_backend *one = &config->backends[0];
    assert_string_equal(one->name, "one");
    assert_int_equal(one->line, 12);
    assert_string_equal(one->addresses.at[1], "[::1]:144");
    assert_int_equal(one->identify, IDENTIFY_PROXY);
    assert_int_equal(one->username, USERNAME_LOCAL);
    assert_string_equal(one->master_separator, "%");
    assert_int_equal(one->reply_ms, 30000);
    assert_int_equal(config->backends[1].tls, BACKEND_TLS_IMPLICIT);
    assert_string_equal(config->backends[1].tls_name, "imap.example.org");
    assert_string_equal(config->backends[1].master_separator, "*");
    assert_int_equal(config->listener_count, 2);
    const struct config_listener *a = &config->listeners[0];
    assert_int_equal(a->backend, 1);
    assert_int_equal(a->login_count, 2);
    assert_int_equal(a->logins[0], FACTOR_CERTIFICATE | FACTOR_PASSWORD);
    assert_int_equal(a->logins[1], FACTOR_OAUTH);
    assert_int_equal(a->proxy_protocol_count, 2);
    assert_int_equal(a->proxy_protocol[0].bits, IP_V4_OFFSET + 8);
    assert_false(a->preauth);
    assert_int_equal(config->listeners[1].backend, 0);
    assert_true(config->listeners[1].preauth);
    config_free(config);
}

static void test_hostname_defaults_to_the_machine(void **state)
{
    (void)state;
    char name[256] = "";
    auto_strbuf struct strbuf errors = STRBUF(4096);
    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    struct config *config = config_read_text("f", SPAN(REST), CONFIG_FILES_ASSUMED, &errors);
    if (strchr(name, '.') != NULL)
        assert_true(span_equal_nocase(span_of(config->hostname), span_of(name)));
    else
        assert_non_null(strstr(strbuf_text(&errors), "f:1: hostname is missing"));
    config_free(config);
}

/* libconfuse's lexer is global: what one reading left behind must not show in the next. */
static void test_readings_are_apart(void **state)
{
    (void)state;
    auto_strbuf struct strbuf errors = STRBUF(4096);
    assert_null(
        config_read_text("f", SPAN("hostname = \"a\nb = '"), CONFIG_FILES_ASSUMED, &errors));
    config_free(read_good(whole));
    config_free(read_good(whole));
}

/* --- Files ----------------------------------------------------------------------------------- */

struct folder {
    char path[32];
    int fd;
};

static int folder_setup(void **state)
{
    static struct folder folder;
    folder = (struct folder){.path = "/tmp/postern-test-XXXXXX"};
    *state = &folder;
    return mkdtemp(folder.path) == NULL ? -1 : 0;
}

static const char *const folder_files[] = {"conf", "cert", "key", "fifo", "big"};

static int folder_teardown(void **state)
{
    struct folder *folder = *state;
    for (size_t i = 0; i < sizeof folder_files / sizeof folder_files[0]; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", folder->path, folder_files[i]);
        (void)unlink(path);
    }
    return rmdir(folder->path);
}

/* Writes text into the folder's file of that name, with that mode; returns its path. */
static const char *folder_write(struct folder *folder, const char *name, mode_t mode,
                                struct span text)
{
    static char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.at, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

struct named_files {
    const char *certificate;
    const char *key;
    const char *master;
};

/* Reads a configuration with these files of the folder; % stands for the folder in errors. */
static void expect_files(struct folder *folder, struct named_files files, const char *errors)
{
    auto_strbuf struct strbuf text = STRBUF(4096);
    auto_strbuf struct strbuf expected = STRBUF(4096);
    auto_strbuf struct strbuf given = STRBUF(4096);
    strbuf_format(&text, HOST "tls {\n certificate = %s/%s\n key = %s/%s\n}\n" LISTENER("password"),
                  folder->path, files.certificate, folder->path, files.key);
    strbuf_format(
        &text,
        "backend b { address = \"[::1]:1\" master_user = m\n master_password_file = %s/%s }\n",
        folder->path, files.master);
    for (const char *at = errors; *at != '\0'; at++) {
        if (*at == '%')
            strbuf_append(&expected, folder->path);
        else
            strbuf_append_byte(&expected, (uint8_t)*at);
    }
    const char *path = folder_write(folder, "conf", 0644, strbuf_span(&text));
    struct config *config = config_read(path, &given);
    assert_string_equal(strbuf_text(&given), strbuf_text(&expected));
    assert_true((config != NULL) == (errors[0] == '\0'));
    config_free(config);
}

static void test_files(void **state)
{
    struct folder *folder = *state;
    char fifo[64];
    (void)snprintf(fifo, sizeof fifo, "%s/fifo", folder->path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    (void)folder_write(folder, "cert", 0644, SPAN("x"));
    (void)folder_write(folder, "key", 0600, SPAN("x"));
    expect_files(folder, (struct named_files){"cert", "key", "key"}, "");
    expect_files(
        folder, (struct named_files){"absent", "key", "key"},
        "%/conf:3: certificate \"%/absent\" can't be opened: No such file or directory; name a "
        "file that is there\n");
    expect_files(
        folder, (struct named_files){"cert/", "key", "key"},
        "%/conf:3: certificate \"%/cert/\" is not the path of a file; write an absolute path "
        "such as /etc/postern/x\n");
    expect_files(folder, (struct named_files){".", "fifo", "key"},
                 "%/conf:3: certificate \"%/.\" is not a regular file; name one\n"
                 "%/conf:4: key \"%/fifo\" is not a regular file; name one\n");
}

static void test_modes(void **state)
{
    struct folder *folder = *state;
    (void)folder_write(folder, "cert", 0644, SPAN("x"));
    (void)folder_write(folder, "key", 0640, SPAN("x"));
    expect_files(
        folder, (struct named_files){"cert", "key", "cert"},
        "%/conf:4: key \"%/key\" is open to others than its owner (mode 640); write chmod 600 "
        "for it\n"
        "%/conf:8: master_password_file \"%/cert\" is open to others than its owner (mode 644); "
        "write chmod 600 for it\n");
    (void)folder_write(folder, "key", 0400, SPAN("x"));
    expect_files(folder, (struct named_files){"cert", "key", "key"}, "");
}

static void expect_unreadable(const char *path, const char *fault)
{
    auto_strbuf struct strbuf errors = STRBUF(4096);
    auto_strbuf struct strbuf expected = STRBUF(4096);
    strbuf_format(&expected, "%s:1: the configuration can't be read: %s; name a file that can\n",
                  path, fault);
    assert_null(config_read(path, &errors));
    assert_string_equal(strbuf_text(&errors), strbuf_text(&expected));
}

static void test_the_file_itself(void **state)
{
    struct folder *folder = *state;
    auto_strbuf struct strbuf big = STRBUF(CONFIG_FILE_MAX + 1);
    for (int i = 0; i <= CONFIG_FILE_MAX; i++)
        strbuf_append_byte(&big, '\n');
    expect_unreadable(folder_write(folder, "big", 0644, strbuf_span(&big)),
                      "it is larger than 1 MiB");
    expect_unreadable(folder->path, "it is not a regular file");
    expect_unreadable("/nonexistent", "No such file or directory");
}

/* --- What is in force
 * ----------------------------------------------------------------------------- */

static void test_explained_means_the_same(void **state)
{
    (void)state;
    auto_strbuf struct strbuf first = STRBUF(1 << 16);
    auto_strbuf struct strbuf second = STRBUF(1 << 16);
    struct config *config = read_good(whole);
    config_explain(config, &first);
    struct config *again = read_good(strbuf_text(&first));
    config_explain(again, &second);
    assert_string_equal(strbuf_text(&first), strbuf_text(&second));
    assert_non_null(strstr(strbuf_text(&first), "\n  idle = 2h\n"));
    assert_non_null(
        strstr(strbuf_text(&first), "\n  proxy_protocol = {\"10.0.0.0/8\", \"::1/128\"}\n"));
    assert_non_null(strstr(strbuf_text(&first), "\n  certificate = /ca\n"));
    config_free(config);
    config_free(again);
}

/*
 * Every default is spelled as it is printed: the manual and the remark in --explain depend
 * on it.
 */
static void test_defaults_are_canonical(void **state)
{
    (void)state;
    struct config *config = read_good(HOST TLS_CA BACKEND LISTENER(
        "password") "group g { members = a }\nlogin_rule r { groups = g }\n");
    auto_strbuf struct strbuf text = STRBUF(1 << 16);
    for (enum section_key key = SECTION_TOP; key < SECTION_COUNT; key++) {
        for (size_t i = 0; i < sections[key].setting_count; i++) {
            const struct setting *setting = &sections[key].settings[i];
            if (setting->standard == NULL)
                continue;
            strbuf_reset(&text);
            value_print(config, setting, config_section(config, key, 0), &text);
            assert_true(setting_is_default(setting, strbuf_text(&text)));
        }
    }
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_defaults_give_way_to_a_wider_limit),
        cmocka_unit_test(test_fields_of_titled_sections),
        cmocka_unit_test(test_hostname_defaults_to_the_machine),
        cmocka_unit_test(test_readings_are_apart),
        cmocka_unit_test_setup_teardown(test_files, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_modes, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_the_file_itself, folder_setup, folder_teardown),
        cmocka_unit_test(test_explained_means_the_same),
        cmocka_unit_test(test_defaults_are_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
