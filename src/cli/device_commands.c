/* postern device list, device revoke and device forget. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/clock.h"
#include "cli/account_list.h"
#include "cli/columns.h"
#include "cli/control.h"
#include "cli/json.h"
#include "cli/say.h"
#include "protocol/login_name.h"

enum { SERIAL_DIGITS_MAX = 64 };

static const char *device_state(const struct message_device_row *row)
{
    if (row->revoked_s != 0)
        return "revoked";
    return row->not_after_s < clock_wall_s() ? "expired" : "valid";
}

static void print_device_json(const struct message *message, void *owner)
{
    const struct message_device_row *row = &message->device_row;
    auto_strbuf struct strbuf fingerprint = STRBUF(2 * sizeof row->fingerprint);
    struct json json;
    (void)owner;
    strbuf_append_hex(&fingerprint, span_make(row->fingerprint, sizeof row->fingerprint));
    json_begin(&json);
    json_text(&json, "login", row->login);
    json_text(&json, "name", row->name);
    json_text(&json, "state", span_of(device_state(row)));
    json_text(&json, "serial", row->serial);
    json_text(&json, "fingerprint", strbuf_span(&fingerprint));
    json_time(&json, "added", row->added_s);
    json_time(&json, "not_after", row->not_after_s);
    json_time(&json, "last_used", row->last_used_s);
    json_text_or_null(&json, "last_address", row->last_address);
    json_time(&json, "revoked", row->revoked_s);
    json_end(&json);
}

static void add_device_row(const struct message *message, void *owner)
{
    const struct message_device_row *row = &message->device_row;
    struct columns *columns = owner;
    columns_add(columns, row->login);
    columns_add(columns, row->name);
    columns_add(columns, span_of(device_state(row)));
    columns_add_date(columns, row->added_s);
    columns_add_date(columns, row->not_after_s);
    columns_add_time(columns, row->last_used_s);
    columns_add(columns, row->last_address);
}

static int list_devices(const struct arguments *arguments, struct keeper_link *link,
                        struct span login)
{
    static const char *const titles[] = {"USER",    "NAME",      "STATE", "ADDED",
                                         "EXPIRES", "LAST USED", "FROM",  NULL};
    struct columns columns;
    struct message command = {.type = MESSAGE_device_list, .device_list = {.login = login}};
    if (arguments_value(arguments, "json") != NULL)
        return control_receive_list(link, &command, MESSAGE_device_row, print_device_json, NULL)
                   ? EXIT_SUCCESS
                   : EXIT_FAILURE;
    columns_init(&columns, titles);
    int status = EXIT_FAILURE;
    if (control_receive_list(link, &command, MESSAGE_device_row, add_device_row, &columns))
        status = columns_print_or(&columns, "no devices");
    columns_fini(&columns);
    return status;
}

int control_device_list(const struct arguments *arguments, struct keeper_link *link)
{
    bool is_without = arguments_value(arguments, "without") != NULL;
    bool is_external = arguments_value(arguments, "external") != NULL;
    bool has_users = arguments_value(arguments, "users") != NULL;
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    if (is_without && is_external) {
        say("device list: --without and --external are two lists: write one of them");
        return EX_USAGE;
    }
    if (has_users && !is_without && !is_external) {
        say("device list: --users is for --without and --external");
        return EX_USAGE;
    }
    if (has_users && arguments->operand_count > 0) {
        say("device list: USER and --users both say whom to look at: write one of them");
        return EX_USAGE;
    }
    if (!control_login_operand(arguments, link, &login))
        return EXIT_FAILURE;
    if (is_without || is_external)
        return account_list(arguments, link, strbuf_span(&login));
    return list_devices(arguments, link, strbuf_span(&login));
}

/* Programs show serial numbers with colons, some of them. */
static void append_serial(struct strbuf *serial, const char *typed)
{
    for (; *typed != '\0'; typed++)
        if (*typed != ':')
            strbuf_append_byte(serial, ascii_lower((uint8_t)*typed));
}

int control_device_revoke(const struct arguments *arguments, struct keeper_link *link)
{
    const char *name = arguments_value(arguments, "name");
    const char *typed_serial = arguments_value(arguments, "serial");
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    auto_strbuf struct strbuf serial = STRBUF(SERIAL_DIGITS_MAX);
    uint64_t count;
    if ((name == NULL) == (typed_serial == NULL)) {
        say("device revoke: name the device by --name or by --serial");
        return EX_USAGE;
    }
    append_serial(&serial, typed_serial == NULL ? "" : typed_serial);
    if (strbuf_failed(&serial)) {
        say("device revoke: --serial is longer than any serial number");
        return EX_USAGE;
    }
    if (!control_login_operand(arguments, link, &login))
        return EXIT_FAILURE;
    struct message command = {.type = MESSAGE_device_revoke,
                              .device_revoke = {.login = strbuf_span(&login),
                                                .name = span_of(name),
                                                .serial = strbuf_span(&serial)}};
    if (!keeper_link_command(link, &command, &count))
        return EXIT_FAILURE;
    if (arguments_value(arguments, "json") != NULL) {
        struct json json;
        json_begin(&json);
        json_text(&json, "login", strbuf_span(&login));
        json_number(&json, "sessions", (int64_t)count);
        json_end(&json);
    } else {
        (void)printf("revoked; sessions closed: %llu\n", (unsigned long long)count);
    }
    return EXIT_SUCCESS;
}

int control_device_forget(const struct arguments *arguments, struct keeper_link *link)
{
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    uint64_t count;
    if (!control_login_operand(arguments, link, &login))
        return EXIT_FAILURE;
    struct message command = {.type = MESSAGE_account_forget,
                              .account_forget = {.login = strbuf_span(&login)}};
    if (!keeper_link_command(link, &command, &count))
        return EXIT_FAILURE;
    if (arguments_value(arguments, "json") != NULL) {
        struct json json;
        json_begin(&json);
        json_text(&json, "login", strbuf_span(&login));
        json_end(&json);
    } else {
        (void)printf("forgotten: certificates of other authorities count no more until the next login "
                     "with one\n");
    }
    return EXIT_SUCCESS;
}
