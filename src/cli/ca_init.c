/* postern ca init: makes the authority that signs devices' certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/clock.h"
#include "cli/json.h"
#include "cli/passphrase.h"
#include "cli/pki.h"
#include "cli/say.h"
#include "pki/authority.h"

static bool make_authority(const struct authority_request *request)
{
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    bool is_made = authority_create(request, &error);
    if (!is_made)
        say("%s", strbuf_text(&error));
    return is_made;
}

static void print_authority(const struct arguments *arguments, const char *dir)
{
    auto_strbuf struct strbuf certificate = STRBUF(4096);
    strbuf_format(&certificate, "%s/ca.pem", dir);
    if (arguments_value(arguments, "json") != NULL) {
        struct json json;
        json_begin(&json);
        json_text(&json, "dir", span_of(dir));
        json_text(&json, "certificate", strbuf_span(&certificate));
        json_end(&json);
        return;
    }
    (void)printf("made %s: name it as certificate in a section client_ca of postern.conf\n"
                 "%s/ca.key is what signs devices: keep it, and its passphrase, off the mail server "
                 "if you can\n",
                 strbuf_text(&certificate), dir);
}

int pki_ca_init(const struct arguments *arguments)
{
    struct secret passphrase = {NULL, 0};
    struct authority_request request = {.dir = arguments_value(arguments, "dir"),
                                        .name = arguments_value(arguments, "name"),
                                        .now_s = clock_wall_s()};
    if (!pki_demand(arguments, "dir") ||
        !pki_days(arguments, AUTHORITY_DAYS_DEFAULT, AUTHORITY_DAYS_MAX, &request.days))
        return EX_USAGE;
    if (!passphrase_obtain(arguments_value(arguments, "passphrase-file"), true, &passphrase))
        return EXIT_FAILURE;
    request.passphrase = secret_span(&passphrase);
    bool is_made = make_authority(&request);
    secret_fini(&passphrase);
    if (!is_made)
        return EXIT_FAILURE;
    print_authority(arguments, request.dir);
    return EXIT_SUCCESS;
}
