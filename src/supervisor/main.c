/*
 * libexec/postern/supervisor: `postern run` becomes it. Arguments, and the one line of a failed
 * start.
 */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/log.h"
#include "supervisor/supervisor.h"

struct arguments {
    struct start_arguments start;
    enum log_format format;
};

_Noreturn static void say_usage(void)
{
    (void)fprintf(stderr, "usage: postern run --config FILE [--log text|json]\n");
    exit(EX_USAGE);
}

/* These two are the supervisor's own, when it starts another release of itself. */
static int read_descriptor(const char *text)
{
    uint64_t fd;
    if (!span_to_u64(span_of(text), INT_MAX, &fd))
        say_usage();
    return (int)fd;
}

static struct arguments read_arguments(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"log", required_argument, NULL, 'l'},
                                            {"handover", required_argument, NULL, 'h'},
                                            {"trial", required_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    struct arguments arguments = {
        .start = {.program = argv[0], .handover = -1, .trial = -1}, .format = LOG_FORMAT_TEXT};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            arguments.start.config_file = optarg;
        else if (option == 'h')
            arguments.start.handover = read_descriptor(optarg);
        else if (option == 't')
            arguments.start.trial = read_descriptor(optarg);
        else if (option == 'l' && strcmp(optarg, "json") == 0)
            arguments.format = LOG_FORMAT_JSON;
        else if (option != 'l' || strcmp(optarg, "text") != 0)
            say_usage();
    }
    if (arguments.start.config_file == NULL || optind != argc)
        say_usage();
    return arguments;
}

/* A descriptor that we open must not become standard error by being the first free one. */
static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

/*
 * It holds keys, if unread: no core, no debugger of the same user. Sockets need many descriptors.
 */
static void limit_self(void)
{
    struct rlimit none = {0, 0};
    struct rlimit descriptors;
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* For people a plain line for each mistake, for machines a record; a record too where much runs. */
static void say_failure(const struct strbuf *problem, const char *event, bool is_start)
{
    struct span rest = strbuf_span(problem);
    do {
        struct span line = span_cut(&rest, '\n');
        if (is_start && log_current_format() == LOG_FORMAT_TEXT) {
            (void)fprintf(stderr, "postern: %.*s\n", (int)line.len, (const char *)line.at);
            continue;
        }
        struct log_record record;
        log_begin(&record, LOG_ERROR, event);
        log_span(&record, "text", line);
        log_end(&record);
    } while (rest.len > 0);
}

static void log_start(const struct supervisor *supervisor)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "supervisor_started");
    log_text(&record, "version", POSTERN_VERSION);
    log_text(&record, "config", supervisor->arguments->config_file);
    log_number(&record, "gates", supervisor->gate_count);
    log_end(&record);
    if (!supervisor->places.drops_privilege)
        log_sentence(LOG_WARNING, "privileges_kept",
                     "started as an ordinary user: the roles keep that user's rights");
}

/* Would this release take over? Says why not; opens and holds nothing beyond that. */
static int try_to_take_over(struct supervisor *supervisor, const struct start_arguments *arguments)
{
    auto_strbuf struct strbuf problem = STRBUF(SUPERVISOR_PROBLEM_MAX);
    if (supervisor_init(supervisor, arguments, &problem))
        return EXIT_SUCCESS;
    say_failure(&problem, "upgrade_refused", false);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct supervisor supervisor;
    auto_strbuf struct strbuf problem = STRBUF(SUPERVISOR_PROBLEM_MAX);
    const struct arguments arguments = read_arguments(argc, argv);
    bool takes_over = arguments.start.handover >= 0;
    fill_standard_descriptors();
    log_open("supervisor", -1, arguments.format);
    limit_self();
    if (arguments.start.trial >= 0)
        return try_to_take_over(&supervisor, &arguments.start);
    bool is_well = supervisor_init(&supervisor, &arguments.start, &problem);
    if (!is_well && takes_over) {
        say_failure(&problem, "upgrade_refused", false);
        upgrade_try_again(&arguments.start);
    }
    if (is_well) {
        log_start(&supervisor);
        is_well = supervisor_run(&supervisor, &problem);
    }
    supervisor_fini(&supervisor);
    if (!is_well) {
        say_failure(&problem, "start_failed", true);
        return EXIT_FAILURE;
    }
    log_sentence(LOG_INFO, "stopped", "all roles have ended");
    return EXIT_SUCCESS;
}
