/* libexec/postern/control: runs one of control.h's commands over a link to the keeper. */
#include <stdlib.h>
#include <sysexits.h>

#include "cli/control.h"
#include "cli/say.h"

static const struct {
    const char *group;
    const char *name;
    control_command *run;
} control_commands[] = {
    {"device", "list", control_device_list},
    {"device", "revoke", control_device_revoke},
    {"device", "forget", control_device_forget},
    {"session", "list", control_session_list},
    {"session", "kick", control_session_kick},
    {NULL, "report", control_report},
};

static control_command *control_find(const struct command *command)
{
    for (size_t i = 0; i < sizeof control_commands / sizeof control_commands[0]; i++)
        if ((command->group == NULL) == (control_commands[i].group == NULL) &&
            (command->group == NULL || strcmp(command->group, control_commands[i].group) == 0) &&
            strcmp(command->name, control_commands[i].name) == 0)
            return control_commands[i].run;
    return NULL;
}

bool control_receive_list(struct keeper_link *link, const struct message *command,
                          enum message_type row_type,
                          void (*row)(const struct message *message, void *owner), void *owner)
{
    uint64_t received = 0;
    struct message message;
    if (!keeper_link_send(link, command))
        return false;
    while (keeper_link_receive(link, &message)) {
        if (message.type == row_type) {
            row(&message, owner);
            received++;
            continue;
        }
        if (message.type == MESSAGE_done && message.done.count == received)
            return true;
        say("the list is not whole: %llu lines of %llu came", (unsigned long long)received,
            message.type == MESSAGE_done ? (unsigned long long)message.done.count : 0);
        return false;
    }
    return false;
}

bool control_login_operand(const struct arguments *arguments, const struct keeper_link *link,
                           struct strbuf *login)
{
    return arguments->operand_count == 0 || keeper_link_login(link, arguments->operands[0], login);
}

int main(int argc, char **argv)
{
    static struct keeper_link link;
    struct arguments arguments;
    arguments_of_program(argc, argv, "control", &arguments);
    control_command *run = control_find(arguments.command);
    if (run == NULL)
        return EX_SOFTWARE;
    if (!keeper_link_open(&link, arguments_value(&arguments, "socket")))
        return EXIT_FAILURE;
    int status = run(&arguments, &link);
    keeper_link_close(&link);
    return say_flush() ? status : EXIT_FAILURE;
}
