/*
 * postern device add: issues a certificate in memory, registers it with the keeper, and only then
 * writes it, so that no certificate is at large that the keeper does not know. Where the writing
 * fails the device is revoked again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/clock.h"
#include "cli/device_add.h"
#include "cli/instructions.h"
#include "cli/keeper_link.h"
#include "cli/passphrase.h"
#include "cli/pki.h"
#include "cli/say.h"
#include "pki/certificate_request.h"
#include "pki/package.h"
#include "protocol/login_name.h"

/* --- The words -------------------------------------------------------------------------------- */

/* The forms by the option that asks for each, but --out with --csr. */
static const struct {
    const char *option;
    enum device_form form;
} forms[] = {
    {"out", DEVICE_PKCS12}, {"pem", DEVICE_PEM}, {"mobileconfig", DEVICE_MOBILECONFIG}};

static bool read_target(struct device_adding *adding)
{
    unsigned count = 0;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const char *target = arguments_value(adding->arguments, forms[i].option);
        if (target == NULL)
            continue;
        adding->target = target;
        adding->form = forms[i].form;
        count++;
    }
    bool has_request = arguments_value(adding->arguments, "csr") != NULL;
    if (has_request && (count != 1 || adding->form != DEVICE_PKCS12))
        say("device add: with --csr the certificate alone is written: --out FILE.pem");
    else if (count != 1)
        say("device add: say where to write: --out FILE.p12, --pem DIR or --mobileconfig FILE");
    else
        adding->form = has_request ? DEVICE_CERTIFICATE : adding->form;
    return count == 1 && (!has_request || adding->form == DEVICE_CERTIFICATE);
}

/* --server HOST or HOST:PORT; later the running configuration's name where it is not given. */
static bool read_server(struct device_adding *adding)
{
    const char *server = arguments_value(adding->arguments, "server");
    struct span port = span_of(server);
    struct span host = span_cut(&port, ':');
    uint64_t number = DEVICE_PORT_DEFAULT;
    adding->port = DEVICE_PORT_DEFAULT;
    if (server == NULL)
        return true;
    bool has_port = port.at != NULL;
    if (!login_domain_canonicalise(host, &adding->host) ||
        (has_port && (!span_to_u64(port, UINT16_MAX, &number) || number == 0))) {
        say("device add: --server is a host name, or HOST:PORT");
        return false;
    }
    adding->port = (uint16_t)number;
    return true;
}

static bool read_words(struct device_adding *adding)
{
    const struct arguments *arguments = adding->arguments;
    adding->name = arguments_value(arguments, "name");
    if (!pki_demand(arguments, "certificate") || !pki_demand(arguments, "name") ||
        !pki_demand(arguments, "ca") ||
        !pki_days(arguments, ISSUED_DAYS_DEFAULT, ISSUED_DAYS_MAX, &adding->days) ||
        !read_target(adding) || !read_server(adding) ||
        !instructions_choose(arguments_value(arguments, "language"), &adding->is_french))
        return false;
    if (adding->form == DEVICE_PKCS12 || arguments_value(arguments, "compatible") == NULL)
        return true;
    say("device add: --compatible is for PKCS#12, --out FILE.p12");
    return false;
}

/* --- Issuing ---------------------------------------------------------------------------------- */

static struct authority *load_authority(const struct arguments *arguments, struct strbuf *ret_error)
{
    struct secret passphrase = {NULL, 0};
    if (!passphrase_obtain(arguments_value(arguments, "passphrase-file"), false, &passphrase))
        return NULL;
    struct authority *authority =
        authority_load(arguments_value(arguments, "ca"), secret_span(&passphrase), ret_error);
    secret_fini(&passphrase);
    return authority;
}

/* What can fail for the person's mistake comes before the passphrase is asked for. */
static bool prepare(struct device_adding *adding, struct strbuf *ret_error)
{
    const char *request = arguments_value(adding->arguments, "csr");
    bool is_writable = adding->form == DEVICE_PEM ? package_check_pem(adding->target, ret_error)
                                                  : package_check_file(adding->target, ret_error);
    if (is_writable && request != NULL)
        adding->key = certificate_request_read(request, ret_error);
    return is_writable && (request == NULL || adding->key != NULL);
}

/* False, said. */
static bool issue(struct device_adding *adding)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    struct issue_request request = {.login = strbuf_span(&adding->login), .days = adding->days};
    bool is_prepared = prepare(adding, &error);
    struct authority *authority = is_prepared ? load_authority(adding->arguments, &error) : NULL;
    request.key = adding->key;
    request.now_s = clock_wall_s(); /* a passphrase may take its time */
    if (authority != NULL)
        adding->issued = authority_issue(authority, &request, &error);
    authority_free(authority);
    if (error.len > 0)
        say("%s", strbuf_text(&error));
    return adding->issued != NULL;
}

/* --- Registering and writing ------------------------------------------------------------------ */

/* False, said. */
static bool register_device(const struct device_adding *adding, struct keeper_link *link)
{
    const struct issued_facts *facts = issued_facts(adding->issued);
    uint64_t count;
    struct message command = {.type = MESSAGE_device_add,
                              .device_add = {.login = strbuf_span(&adding->login),
                                             .name = span_of(adding->name),
                                             .serial = span_of(facts->serial),
                                             .issuer = span_of(facts->issuer),
                                             .not_after_s = facts->not_after_s}};
    memcpy(command.device_add.fingerprint, facts->fingerprint, sizeof facts->fingerprint);
    return keeper_link_command(link, &command, &count);
}

static bool write_profile(struct device_adding *adding, struct strbuf *ret_error)
{
    const struct package_account account = {.login = strbuf_span(&adding->login),
                                            .host = strbuf_span(&adding->host),
                                            .port = adding->port};
    package_append_password(&adding->password);
    return package_write_profile(adding->issued, adding->target, adding->name, &account,
                                 strbuf_span(&adding->password), ret_error);
}

static bool write_device(struct device_adding *adding, struct strbuf *ret_error)
{
    if (adding->form == DEVICE_PEM)
        return package_write_pem(adding->issued, adding->target, ret_error);
    if (adding->form == DEVICE_CERTIFICATE)
        return package_write_certificate(adding->issued, adding->target, ret_error);
    if (adding->form == DEVICE_MOBILECONFIG)
        return write_profile(adding, ret_error);
    bool is_compatible = arguments_value(adding->arguments, "compatible") != NULL;
    package_append_password(&adding->password);
    return package_write_pkcs12(adding->issued, adding->target, adding->name,
                                strbuf_span(&adding->password),
                                is_compatible ? PACKAGE_COMPATIBLE : PACKAGE_MODERN, ret_error);
}

/* The certificate went nowhere; its registration is taken back. */
static void take_back(const struct device_adding *adding, struct keeper_link *link, const char *error)
{
    uint64_t count;
    struct message command = {
        .type = MESSAGE_device_revoke,
        .device_revoke = {.login = strbuf_span(&adding->login),
                          .serial = span_of(issued_facts(adding->issued)->serial)}};
    if (keeper_link_command(link, &command, &count))
        say("%s; the device is revoked again", error);
    else
        say("%s; the device is registered and could not be revoked: do so by --serial %s", error,
            issued_facts(adding->issued)->serial);
}

/* Ctrl-C between the two would leave a device that nobody has: it waits until both are done. */
static void hold_signals(sigset_t *before)
{
    static const int held[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    sigset_t signals;
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++)
        (void)sigaddset(&signals, held[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, before);
}

static bool register_and_write(struct device_adding *adding, struct keeper_link *link)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    sigset_t signals;
    hold_signals(&signals);
    bool is_written = false;
    if (register_device(adding, link)) {
        is_written = write_device(adding, &error);
        if (!is_written)
            take_back(adding, link, strbuf_text(&error));
    }
    (void)sigprocmask(SIG_SETMASK, &signals, NULL);
    return is_written;
}

/* --- The command ------------------------------------------------------------------------------ */

static bool add_device(struct device_adding *adding, struct keeper_link *link)
{
    if (adding->host.len == 0)
        strbuf_append_span(&adding->host, strbuf_span(&link->hostname));
    return keeper_link_login(link, adding->arguments->operands[0], &adding->login) &&
           issue(adding) && register_and_write(adding, link);
}

int pki_device_add(const struct arguments *arguments)
{
    static struct keeper_link link;
    struct device_adding adding = {.arguments = arguments,
                                   .login = STRBUF(LOGIN_OCTETS_MAX),
                                   .host = STRBUF(LOGIN_OCTETS_MAX),
                                   .password = STRBUF(64)};
    if (!read_words(&adding)) {
        strbuf_fini(&adding.host);
        return EX_USAGE;
    }
    if (!keeper_link_open(&link, arguments_value(arguments, "socket"))) {
        strbuf_fini(&adding.host);
        return EXIT_FAILURE;
    }
    bool is_added = add_device(&adding, &link);
    keeper_link_close(&link);
    if (is_added)
        device_answer(&adding);
    issued_free(adding.issued);
    EVP_PKEY_free(adding.key);
    strbuf_fini(&adding.login);
    strbuf_fini(&adding.host);
    strbuf_wipe(&adding.password);
    return is_added ? EXIT_SUCCESS : EXIT_FAILURE;
}
