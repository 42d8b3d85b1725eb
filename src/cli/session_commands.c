/* postern session list and session kick. */
#include <stdio.h>
#include <stdlib.h>

#include "base/ip.h"
#include "cli/columns.h"
#include "cli/control.h"
#include "cli/json.h"
#include "cli/say.h"
#include "config/terms.h"
#include "protocol/login_name.h"

enum { SESSION_DIGITS = 16 };

static void session_texts(const struct message_session_row *row, char number[SESSION_DIGITS + 1],
                          char address[IP_TEXT_SIZE])
{
    struct ip ip;
    memcpy(ip.octets, row->address, sizeof ip.octets);
    ip_format(&ip, address);
    (void)snprintf(number, SESSION_DIGITS + 1, "%016llx", (unsigned long long)row->session);
}

static void print_session_json(const struct message *message, void *owner)
{
    const struct message_session_row *row = &message->session_row;
    char number[SESSION_DIGITS + 1];
    char address[IP_TEXT_SIZE];
    struct json json;
    (void)owner;
    session_texts(row, number, address);
    json_begin(&json);
    json_text(&json, "session", span_of(number));
    json_text(&json, "login", row->login);
    json_text(&json, "address", span_of(address));
    json_text(&json, "listener", row->listener);
    json_text(&json, "protocol",
              row->protocol < PROTOCOL_COUNT ? span_of(protocol_name((enum config_protocol)row->protocol))
                                             : SPAN("unknown"));
    json_text(&json, "factor", row->factor);
    json_text_or_null(&json, "device", row->device);
    json_time(&json, "since", row->started_s);
    json_end(&json);
}

static void add_session_row(const struct message *message, void *owner)
{
    const struct message_session_row *row = &message->session_row;
    struct columns *columns = owner;
    char number[SESSION_DIGITS + 1];
    char address[IP_TEXT_SIZE];
    session_texts(row, number, address);
    columns_add(columns, span_of(number));
    columns_add(columns, row->login);
    columns_add(columns, span_of(address));
    columns_add(columns, row->listener);
    columns_add(columns, row->factor);
    columns_add(columns, row->device);
    columns_add_time(columns, row->started_s);
}

int control_session_list(const struct arguments *arguments, struct keeper_link *link)
{
    static const char *const titles[] = {"SESSION", "USER",   "FROM",  "LISTENER",
                                         "FACTOR",  "DEVICE", "SINCE", NULL};
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    struct columns columns;
    if (!control_login_operand(arguments, link, &login))
        return EXIT_FAILURE;
    struct message command = {.type = MESSAGE_session_list,
                              .session_list = {.login = strbuf_span(&login)}};
    if (arguments_value(arguments, "json") != NULL)
        return control_receive_list(link, &command, MESSAGE_session_row, print_session_json, NULL)
                   ? EXIT_SUCCESS
                   : EXIT_FAILURE;
    columns_init(&columns, titles);
    int status = EXIT_FAILURE;
    if (control_receive_list(link, &command, MESSAGE_session_row, add_session_row, &columns))
        status = columns_print_or(&columns, "no sessions");
    columns_fini(&columns);
    return status;
}

/* Sixteen hexadecimal digits are a session's number; a user of such a name is kicked with its domain. */
static bool session_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (strlen(text) != SESSION_DIGITS)
        return false;
    for (; *text != '\0'; text++) {
        uint8_t c = ascii_lower((uint8_t)*text);
        if (c >= '0' && c <= '9')
            number = number << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret_number = number;
    return true;
}

int control_session_kick(const struct arguments *arguments, struct keeper_link *link)
{
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    uint64_t number = 0;
    uint64_t count;
    if (!session_number(arguments->operands[0], &number) &&
        !control_login_operand(arguments, link, &login))
        return EXIT_FAILURE;
    struct message command = {
        .type = MESSAGE_session_kick,
        .session_kick = {.login = strbuf_span(&login), .session = number}};
    if (!keeper_link_command(link, &command, &count))
        return EXIT_FAILURE;
    if (arguments_value(arguments, "json") != NULL) {
        struct json json;
        json_begin(&json);
        json_number(&json, "sessions", (int64_t)count);
        json_end(&json);
    } else {
        (void)printf("sessions closed: %llu\n", (unsigned long long)count);
    }
    return EXIT_SUCCESS;
}
