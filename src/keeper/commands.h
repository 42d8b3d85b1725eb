/* What people's commands do: a handler for each message that the command line may send. */
#ifndef POSTERN_KEEPER_COMMANDS_H
#define POSTERN_KEEPER_COMMANDS_H

#include "channel/message.h"

struct control_client;

/* Runs the command and answers it, or begins to. */
void command_run(struct control_client *client, const struct message *message);

#endif
