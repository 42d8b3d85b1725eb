/* libexec/postern/pki: runs ca init or device add. The only program of ours that reads the CA's key. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/span.h"
#include "cli/pki.h"
#include "cli/say.h"

bool pki_days(const struct arguments *arguments, unsigned otherwise, unsigned most,
              unsigned *ret_days)
{
    uint64_t days = otherwise;
    const char *text = arguments_value(arguments, "days");
    if (text != NULL && (!span_to_u64(span_of(text), most, &days) || days == 0)) {
        say("--days takes a number from 1 to %u", most);
        return false;
    }
    *ret_days = (unsigned)days;
    return true;
}

bool pki_demand(const struct arguments *arguments, const char *name)
{
    if (arguments_value(arguments, name) != NULL)
        return true;
    say("%s %s: missing: --%s (see postern %s %s --help)", arguments->command->group,
        arguments->command->name, name, arguments->command->group, arguments->command->name);
    return false;
}

/* Keys and passphrases are in memory here: no core file, no debugger of the same user. */
static void keep_memory_private(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)umask(077);
}

/* A file that may not grow is an error to handle, not an end between registering and writing. */
static void outlive_limits(void)
{
    (void)signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    keep_memory_private();
    outlive_limits();
    arguments_of_program(argc, argv, "pki", &arguments);
    int status = strcmp(arguments.command->group, "ca") == 0 ? pki_ca_init(&arguments)
                                                             : pki_device_add(&arguments);
    return say_flush() ? status : EXIT_FAILURE;
}
