/*
 * bin/postern: finds the command in the table, checks its words and becomes the program that does it.
 * Thin, so that no command loads what it has no use for.
 */
#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "cli/arguments.h"
#include "cli/say.h"

enum { PATH_OCTETS_MAX = 4096 };

/* Where this executable lies: DIR/bin/postern, beside DIR/libexec/postern. False when unknown. */
static bool append_sibling(struct strbuf *path)
{
    char here[PATH_OCTETS_MAX];
    ssize_t len = readlink("/proc/self/exe", here, sizeof here - 1);
    if (len <= 0)
        return false;
    here[len] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(here, '/');
        if (slash == NULL)
            return false;
        *slash = '\0';
    }
    strbuf_format(path, "%s/libexec/postern", here);
    return true;
}

/* Becomes DIR/program; returns when that can't be. */
static void become_in(const char *dir, const char *program, char **argv)
{
    auto_strbuf struct strbuf path = STRBUF(PATH_OCTETS_MAX + 64);
    strbuf_format(&path, "%s/%s", dir, program);
    if (strbuf_failed(&path))
        return;
    argv[0] = path.at; /* what a list of processes shows */
    (void)execv(path.at, argv);
}

static int become(const char *program, char **argv)
{
    auto_strbuf struct strbuf dir = STRBUF(PATH_OCTETS_MAX);
    if (append_sibling(&dir) && !strbuf_failed(&dir))
        become_in(strbuf_text(&dir), program, argv);
    if (errno == ENOENT)
        become_in(POSTERN_LIBEXEC, program, argv);
    say("%s/%s can't be started: %s", dir.len > 0 ? strbuf_text(&dir) : POSTERN_LIBEXEC, program,
        strerror(errno));
    return EXIT_FAILURE;
}

static bool program_is_shared(const struct command *command)
{
    for (const struct command *other = command_table; other->name != NULL; other++)
        if (other != command && strcmp(other->program, command->program) == 0)
            return true;
    return false;
}

/* The programs of one command take its options only; those of several the whole command line. */
static char **argv_for(const struct command *command, char **argv)
{
    return program_is_shared(command) ? argv : argv + 1;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct arguments arguments;
    if (!arguments_read(command, argc, argv, &arguments))
        return EX_USAGE;
    if (!arguments.wants_help)
        return become(command->program, argv_for(command, argv));
    help_command(stdout, command);
    return say_flush() ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* "postern device": a help that was asked for is an answer, one that was not is an error. */
static int show_group(int argc, char **argv)
{
    help_list(argc > 2 ? stdout : stderr, argv[1]);
    return argc > 2 ? EXIT_SUCCESS : EX_USAGE;
}

static int run_other(int argc, char **argv)
{
    if (argc < 2) {
        help_list(stderr, NULL);
        return EX_USAGE;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        help_list(stdout, NULL);
    else if (argc == 2 && strcmp(argv[1], "--version") == 0)
        (void)printf("postern %s\n", POSTERN_VERSION);
    else {
        say("there is no command %s%s%s (see postern --help)", argv[1],
            argc > 2 && argv[1][0] != '-' ? " " : "", argc > 2 && argv[1][0] != '-' ? argv[2] : "");
        return EX_USAGE;
    }
    return say_flush() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const struct command *command = NULL;
    switch (command_find(argc, argv, &command)) {
    case COMMAND_FOUND:
        return run(command, argc, argv);
    case COMMAND_GROUP:
        return show_group(argc, argv);
    case COMMAND_UNKNOWN:
        break;
    }
    return run_other(argc, argv);
}
