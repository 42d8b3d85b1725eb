/* Reads the command line after command_table.c, and prints its help; see arguments.h. */
#include "cli/arguments.h"

#include <sysexits.h>

#include "base/invariant.h"
#include "cli/say.h"

/* --- Finding the command ---------------------------------------------------------------------- */

static bool is_group(const char *word)
{
    for (const struct command *command = command_table; command->name != NULL; command++)
        if (command->group != NULL && strcmp(command->group, word) == 0)
            return true;
    return false;
}

static bool command_is_named(const struct command *command, int argc, char **argv)
{
    if (command->group == NULL)
        return strcmp(command->name, argv[1]) == 0;
    return argc > 2 && strcmp(command->group, argv[1]) == 0 && strcmp(command->name, argv[2]) == 0;
}

enum command_found command_find(int argc, char **argv, const struct command **ret_command)
{
    if (argc < 2)
        return COMMAND_UNKNOWN;
    for (const struct command *command = command_table; command->name != NULL; command++) {
        if (!command_is_named(command, argc, argv))
            continue;
        *ret_command = command;
        return COMMAND_FOUND;
    }
    bool is_bare = argc == 2 || strcmp(argv[2], "--help") == 0;
    return is_group(argv[1]) && is_bare ? COMMAND_GROUP : COMMAND_UNKNOWN;
}

/* --- Options and operands --------------------------------------------------------------------- */

/* "device add", for messages. */
static const char *command_title(const struct command *command)
{
    static char title[64];
    (void)snprintf(title, sizeof title, "%s%s%s", command->group == NULL ? "" : command->group,
                   command->group == NULL ? "" : " ", command->name);
    return title;
}

static bool refuse(const struct command *command, const char *what, const char *word)
{
    say("%s: %s%s (see postern %s --help)", command_title(command), what, word, command_title(command));
    return false;
}

/* The index of the option that text (without hyphens, up to its =) names, or -1. */
static int option_index(const struct command *command, const char *text, size_t len)
{
    for (int i = 0; command->options[i].name != NULL; i++)
        if (strlen(command->options[i].name) == len &&
            memcmp(command->options[i].name, text, len) == 0)
            return i;
    return -1;
}

/* Reads the option at argv[*at], and its value, which may be the next word. */
static bool read_option(struct arguments *arguments, int argc, char **argv, int *at)
{
    const struct command *command = arguments->command;
    const char *text = argv[*at] + 2;
    size_t len = strcspn(text, "=");
    const char *value = text[len] == '=' ? text + len + 1 : NULL;
    int index = option_index(command, text, len);
    if (index < 0)
        return refuse(command, "unknown option ", argv[*at]);
    if (arguments->values[index] != NULL)
        return refuse(command, "given twice: --", command->options[index].name);
    if (command->options[index].value == NULL) {
        arguments->values[index] = "";
        return value == NULL || refuse(command, "takes no value: --", command->options[index].name);
    }
    if (value == NULL && *at + 1 < argc)
        value = argv[++*at];
    if (value == NULL || value[0] == '\0')
        return refuse(command, "needs a value: --", command->options[index].name);
    arguments->values[index] = value;
    return true;
}

static bool read_operand(struct arguments *arguments, const char *word)
{
    if (arguments->operand_count >= arguments->command->most || word[0] == '\0')
        return refuse(arguments->command, word[0] == '\0' ? "an empty argument" : "one argument too many: ",
                      word);
    arguments->operands[arguments->operand_count++] = word;
    return true;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static bool read_word(struct arguments *arguments, int argc, char **argv, int *at)
{
    if (!is_option(argv[*at]))
        return read_operand(arguments, argv[*at]);
    if (argv[*at][1] != '-')
        return refuse(arguments->command, "unknown option ", argv[*at]);
    return read_option(arguments, argc, argv, at);
}

bool arguments_read(const struct command *command, int argc, char **argv,
                    struct arguments *ret_arguments)
{
    struct arguments arguments = {.command = command};
    int at = command->group == NULL ? 2 : 3;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        if (strcmp(argv[at], "--help") == 0) {
            *ret_arguments = (struct arguments){.command = command, .wants_help = true};
            return true;
        }
        if (!read_word(&arguments, argc, argv, &at))
            return false;
    }
    for (at++; at < argc; at++)
        if (!read_operand(&arguments, argv[at]))
            return false;
    if (arguments.operand_count < command->least)
        return refuse(command, "missing: ", command->operands);
    *ret_arguments = arguments;
    return true;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    int index = option_index(arguments->command, name, strlen(name));
    invariant(index >= 0);
    return arguments->values[index];
}

void arguments_of_program(int argc, char **argv, const char *program,
                          struct arguments *ret_arguments)
{
    const struct command *command = NULL;
    if (command_find(argc, argv, &command) != COMMAND_FOUND ||
        strcmp(command->program, program) != 0) {
        say("%s is run by the command postern", program);
        exit(EX_USAGE);
    }
    if (!arguments_read(command, argc, argv, ret_arguments))
        exit(EX_USAGE);
    if (ret_arguments->wants_help) {
        help_command(stdout, command);
        exit(EXIT_SUCCESS);
    }
}

/* --- Help ------------------------------------------------------------------------------------- */

/* An option as it is typed: "--name NAME". */
static void option_spell(const struct command_option *option, char *text, size_t size)
{
    (void)snprintf(text, size, "--%s%s%s", option->name, option->value == NULL ? "" : " ",
                   option->value == NULL ? "" : option->value);
}

void help_command(FILE *out, const struct command *command)
{
    (void)fprintf(out, "usage: postern %s%s%s [options]\n\n%s\n\n", command_title(command),
                  command->operands[0] == '\0' ? "" : " ", command->operands, command->summary);
    for (const struct command_option *option = command->options; option->name != NULL; option++) {
        char text[64];
        option_spell(option, text, sizeof text);
        (void)fprintf(out, "  %-26s %s\n", text, option->help);
    }
    (void)fprintf(out, "  %-26s %s\n", "--help", "this text");
}

void help_list(FILE *out, const char *group)
{
    (void)fprintf(out, "usage: postern %s%sCOMMAND [options]\n\n", group == NULL ? "" : group,
                  group == NULL ? "" : " ");
    for (const struct command *command = command_table; command->name != NULL; command++) {
        if (group != NULL && (command->group == NULL || strcmp(command->group, group) != 0))
            continue;
        char text[96];
        (void)snprintf(text, sizeof text, "%s %s", command_title(command), command->operands);
        (void)fprintf(out, "  %-26s %s\n", text, command->summary);
    }
    (void)fprintf(out, "\npostern COMMAND --help tells its options, postern(8) all of it.\n");
}
