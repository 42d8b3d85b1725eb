/* The command line of the load tool: one table, read once at start. */
#include <arpa/inet.h>
#include <stddef.h>

#include "base/span.h"
#include "load.h"

static _Noreturn void options_usage(const char *what, const char *value)
{
    (void)fprintf(stderr, "%s: %s\nusage: load MODE NAME=VALUE...; see bench/load.c\n", what,
                  value);
    exit(64);
}

static uint64_t option_number(struct span value, uint64_t max, const char *text)
{
    uint64_t number;
    if (!span_to_u64(value, max, &number))
        options_usage("not a number in range", text);
    return number;
}

static void option_steps(struct load_options *options, const char *value)
{
    struct span rest = span_of(value);
    while (rest.at != NULL && options->step_count < LOAD_STEPS_MAX)
        options->steps[options->step_count++] =
            (size_t)option_number(span_cut(&rest, ','), 1000000, value);
}

static void option_source(struct load_options *options, const char *value)
{
    struct in_addr address;
    if (inet_pton(AF_INET, value, &address) != 1)
        options_usage("not an IPv4 address", value);
    options->source = ntohl(address.s_addr);
}

static void option_process(struct processes *set, const char *value)
{
    if (set->root_count == PROCESSES_ROOTS_MAX)
        options_usage("too many processes", value);
    set->roots[set->root_count++] = (pid_t)option_number(span_of(value), INT32_MAX, value);
}

static void option_server(struct load_options *options, const char *value)
{
    option_process(&options->server, value);
}

static void option_helper(struct load_options *options, const char *value)
{
    option_process(&options->helper, value);
}

static void option_backend(struct load_options *options, const char *value)
{
    option_process(&options->backend, value);
}

static void option_password(struct load_options *options, const char *value)
{
    options->password = value;
}

static void option_certificate(struct load_options *options, const char *value)
{
    options->certificate = value;
}

static void option_kind(struct load_options *options, const char *value)
{
    options->kind = value;
}

#define NUMBER(name, least, most) {#name, offsetof(struct load_options, name), least, most, NULL}
#define OTHER(name, read) {#name, 0, 0, 0, read}

static const struct {
    const char *name;
    size_t offset;
    uint64_t least;
    uint64_t most;
    void (*read)(struct load_options *options, const char *value);
} rows[] = {
    NUMBER(port, 1, UINT16_MAX),
    NUMBER(concurrency, 1, 10000),
    NUMBER(duration_ms, 1, 600000),
    NUMBER(count, 0, 10000000),
    NUMBER(warmup, 0, 100000),
    NUMBER(source_count, 1, 250),
    NUMBER(users, 1, 100000),
    OTHER(source, option_source),
    OTHER(password, option_password),
    OTHER(certificate, option_certificate),
    OTHER(kind, option_kind),
    OTHER(steps, option_steps),
    OTHER(server, option_server),
    OTHER(helper, option_helper),
    OTHER(backend, option_backend),
};

static void option_read(struct load_options *options, struct span name, const char *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!span_equal(name, span_of(rows[i].name)))
            continue;
        if (rows[i].read != NULL) {
            rows[i].read(options, value);
            return;
        }
        uint64_t number = option_number(span_of(value), rows[i].most, value);
        if (number < rows[i].least)
            options_usage("too small", value);
        *(uint64_t *)(void *)((char *)options + rows[i].offset) = number;
        return;
    }
    options_usage("unknown option", value);
}

const char *load_options_read(struct load_options *options, int argc, char **argv)
{
    *options = (struct load_options){
        .concurrency = 1, .duration_ms = 1000, .source_count = 1, .users = 100,
        .source = INADDR_LOOPBACK, .password = "password", .kind = "accept",
    };
    if (argc < 2)
        options_usage("mode missing", "login, idle, hold, fetch or refuse");
    for (int i = 2; i < argc; i++) {
        struct span value = span_of(argv[i]);
        struct span name = span_cut(&value, '=');
        if (value.at == NULL)
            options_usage("not NAME=VALUE", argv[i]);
        option_read(options, name, argv[i] + name.len + 1);
    }
    if (options->port == 0)
        options_usage("missing", "port");
    return argv[1];
}
