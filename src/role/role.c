/*
 * The first thing a role does: reads what the supervisor passed by arguments, and makes sure that
 * it was the supervisor. What comes after is sandbox.c.
 */
#include "role/role.h"

#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/attributes.h"
#include "base/log.h"
#include "base/span.h"

enum { ROLE_NUMBER_MAX = 65535, ROLE_ID_MAX = 0x7fffffff };

_Noreturn static void role_refuse(const char *sentence)
{
    log_sentence(LOG_ERROR, "role_failed", "%s", sentence);
    exit(EX_USAGE);
}

static int64_t role_read_number(const char *text, uint64_t max)
{
    uint64_t value;
    if (!span_to_u64(span_of(text), max, &value))
        role_refuse("an argument is not a number in its range");
    return (int64_t)value;
}

static enum log_format role_read_format(const char *text)
{
    if (strcmp(text, "json") == 0)
        return LOG_FORMAT_JSON;
    if (strcmp(text, "text") != 0)
        role_refuse("--log takes text or json");
    return LOG_FORMAT_TEXT;
}

static void role_read_arguments(struct role_start *start, int argc, char **argv)
{
    static const struct option options[] = {
        {"number", required_argument, NULL, 'n'}, {"log", required_argument, NULL, 'l'},
        {"uid", required_argument, NULL, 'u'},    {"gid", required_argument, NULL, 'g'},
        {"root", required_argument, NULL, 'r'},   {NULL, 0, NULL, 0},
    };
    enum log_format format = LOG_FORMAT_TEXT;
    int option;
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            start->number = (int)role_read_number(optarg, ROLE_NUMBER_MAX);
        else if (option == 'l')
            format = role_read_format(optarg);
        else if (option == 'u')
            start->uid = role_read_number(optarg, ROLE_ID_MAX);
        else if (option == 'g')
            start->gid = role_read_number(optarg, ROLE_ID_MAX);
        else if (option == 'r')
            start->root = optarg;
        else
            role_refuse("unknown argument: roles are started by postern run");
    }
    if (optind != argc)
        role_refuse("unknown argument: roles are started by postern run");
    log_open(start->profile->name, start->number, format);
}

/* A role that ran as root would be no role: there is a user to become, or nothing to drop. */
static void role_check_user(const struct role_start *start)
{
    if ((start->uid < 0) != (start->gid < 0))
        role_refuse("--uid and --gid go together");
    if (start->uid == 0 || start->gid == 0)
        role_refuse("a role does not run as root");
    if (start->uid < 0 && geteuid() == 0)
        role_refuse("started as root without a user to become");
    if ((start->uid >= 0 || start->profile->keeps_files) && start->root == NULL)
        role_refuse("started without a root directory");
}

static void role_check_channel(void)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(ROLE_CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        type != SOCK_SEQPACKET)
        role_refuse("no channel on descriptor 3: roles are started by postern run");
}

static void role_ignore_signals(void)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_IGN);
}

void role_begin(struct role_start *start, int argc, char **argv, const struct role_profile *profile)
{
    *start = (struct role_start){.profile = profile, .number = -1, .uid = -1, .gid = -1};
    log_open(profile->name, -1, LOG_FORMAT_TEXT);
    (void)prctl(PR_SET_NAME, profile->name); /* started by descriptor: the kernel knows no better one */
    role_read_arguments(start, argc, argv);
    role_check_user(start);
    role_check_channel();
    role_ignore_signals();
    (void)umask(077);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    tzset(); /* gmtime_r() too would open the zone's file when first called */
}
