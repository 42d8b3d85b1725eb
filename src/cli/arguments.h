/*
 * The words of the command line: one table of commands with their options, from which come parsing,
 * --help and, by a test, the manual page. Names are exact: an abbreviation that works today would stop
 * to when an option is added.
 */
#ifndef POSTERN_CLI_ARGUMENTS_H
#define POSTERN_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attributes.h"

enum {
    ARGUMENTS_OPTIONS_MAX = 24,   /* of one command, with its end */
    ARGUMENTS_POSITIONAL_MAX = 1, /* of one command */
};

struct command_option {
    const char *name;  /* without its two hyphens; NULL ends the list */
    const char *value; /* what stands for the value in help; NULL: it takes none */
    const char *help;
};

struct command {
    const char *group;    /* "device"; NULL: the command has one word */
    const char *name;     /* "add" */
    const char *operands; /* "USER", "[USER]" or "" */
    size_t least;         /* operands that must be there */
    size_t most;
    const char *program; /* executable in libexec that does it */
    const char *summary; /* one line */
    struct command_option options[ARGUMENTS_OPTIONS_MAX];
};

/* The table, ended by a row without a name. */
extern const struct command command_table[];

/* One command line, read. Strings belong to argv. */
struct arguments {
    const struct command *command;
    const char *values[ARGUMENTS_OPTIONS_MAX]; /* "" for an option without a value; NULL: not given */
    const char *operands[ARGUMENTS_POSITIONAL_MAX];
    size_t operand_count;
    bool wants_help;
};

/* What command_find found. */
enum command_found {
    COMMAND_FOUND,
    COMMAND_GROUP,   /* the first word of several commands, and no more */
    COMMAND_UNKNOWN,
};

/* Finds the command that argv begins with, argv[0] being the program. */
enum command_found command_find(int argc, char **argv, const struct command **ret_command) MUST_USE;

/*
 * Reads what follows the command's words. False with one line on standard error when it can't be:
 * the exit status is then 64. What --help asks for is not looked at further.
 */
bool arguments_read(const struct command *command, int argc, char **argv,
                    struct arguments *ret_arguments) MUST_USE;

/* The option's value; NULL when it was not given. The command must have an option of that name. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/*
 * Both together, for an executable in libexec that does several commands and so gets the whole command
 * line. Ends the process where that is wrong, and after --help.
 */
void arguments_of_program(int argc, char **argv, const char *program,
                          struct arguments *ret_arguments);

/* The help of one command; of the commands of a group; of all (group NULL). */
void help_command(FILE *out, const struct command *command);
void help_list(FILE *out, const char *group);

#endif
