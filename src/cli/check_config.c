/*
 * libexec/postern/check-config, which `postern check-config` runs: reads and checks postern.conf and the
 * groups that it names, and is silent when all is well. What is wrong goes to standard error, one line
 * each; --explain prints the settings in force to standard output, --user what is left to one user. Exit
 * status 0, 1 for errors, 64 for wrong usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "cli/config_rules.h"
#include "config/config.h"
#include "config/explain.h"
#include "config/mistakes.h"

enum {
    ERRORS_OCTETS = MISTAKES_MAX * 8192, /* lines with the longest file name */
    EXPLAIN_OCTETS = 4 << 20,            /* a file of 1 MiB with its defaults */
};

struct arguments {
    const char *file;
    const char *user; /* NULL: none */
    bool is_explaining;
};

static bool read_arguments(int argc, char **argv, struct arguments *ret_arguments)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"explain", no_argument, NULL, 'e'},
        {"user", required_argument, NULL, 'u'}, {0}};
    struct arguments arguments = {.file = NULL};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            arguments.file = optarg;
        else if (option == 'u')
            arguments.user = optarg;
        else if (option == 'e')
            arguments.is_explaining = true;
        else
            return false;
    }
    *ret_arguments = arguments;
    return arguments.file != NULL && optind == argc;
}

static int explain(const struct config *config, const struct arguments *arguments)
{
    auto_strbuf struct strbuf text = STRBUF(EXPLAIN_OCTETS);
    auto_strbuf struct strbuf errors = STRBUF(ERRORS_OCTETS);
    if (!config_rules_explain(config, arguments->user, &text, &errors)) {
        (void)fputs(strbuf_text(&errors), stderr);
        return EXIT_FAILURE;
    }
    if (arguments->is_explaining)
        config_explain(config, &text);
    bool is_written =
        !strbuf_failed(&text) && fputs(strbuf_text(&text), stdout) >= 0 && fflush(stdout) == 0;
    if (!is_written)
        perror("postern check-config: standard output");
    return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (!read_arguments(argc, argv, &arguments)) {
        (void)fputs("usage: postern check-config --config FILE [--explain] [--user USER]\n", stderr);
        return EX_USAGE;
    }
    auto_strbuf struct strbuf errors = STRBUF(ERRORS_OCTETS);
    struct config *config = config_read(arguments.file, &errors);
    int status = EXIT_FAILURE;
    if (config == NULL)
        (void)fputs(strbuf_text(&errors), stderr);
    else
        status = explain(config, &arguments);
    config_free(config);
    return status;
}
