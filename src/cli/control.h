/* The commands of libexec/postern/control: each talks to the running keeper. */
#ifndef POSTERN_CLI_CONTROL_H
#define POSTERN_CLI_CONTROL_H

#include "cli/arguments.h"
#include "cli/keeper_link.h"

/* A command: gets its words and an open link, gives the exit status. */
typedef int control_command(const struct arguments *arguments, struct keeper_link *link);

control_command control_device_list;
control_command control_device_revoke;
control_command control_device_forget;
control_command control_session_list;
control_command control_session_kick;
control_command control_report;

/* Sends a command for a list and calls row for each row until done. False, said, when it broke off. */
bool control_receive_list(struct keeper_link *link, const struct message *command,
                          enum message_type row_type,
                          void (*row)(const struct message *message, void *owner),
                          void *owner) MUST_USE;

/* The canonical login of the first operand; empty when there is none. False, said. */
bool control_login_operand(const struct arguments *arguments, const struct keeper_link *link,
                           struct strbuf *login) MUST_USE;

#endif
