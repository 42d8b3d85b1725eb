/*
 * The load tool: measures one IMAPS gate from the client's side and, through /proc, what the gate's
 * processes spent on it. bench/run starts it; by hand:
 *
 *     load MODE port=N password=P server=PID [NAME=VALUE]…
 *
 *     login   full TLS 1.3 handshake, LOGIN, LOGOUT, over and over; with certificate=FILE it is
 *             AUTHENTICATE EXTERNAL
 *     idle    steps=1000,5000: logged-in sessions that stay in IDLE; memory a session
 *     hold    count=2000: logged-in sessions that stay until standard input ends
 *     fetch   sessions that fetch a large message over and over
 *     refuse  kind=accept|plain|tls: connections that the gate turns away
 *
 * The server is 127.0.0.1; clients come from source_count addresses from source= on. Prints one
 * JSON object. Exit status 0, or 1 when nothing could be measured.
 */
#include "load.h"

#include <signal.h>

#include "client.h"
#include "server.h"

uint64_t load_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void load_fail(struct load *load, const char *why)
{
    if (load->errors++ == 0)
        (void)snprintf(load->first_error, sizeof load->first_error, "%s", why);
}

bool load_check_over(struct load *load, uint64_t started_us)
{
    if (load_now_us() - started_us >= load->options.duration_ms * 1000)
        load->is_over = true;
    return load->is_over;
}

struct load_limit {
    struct event_base *loop;
    bool has_passed;
};

static void load_on_limit(evutil_socket_t fd, short what, void *argument)
{
    struct load_limit *limit = argument;
    (void)fd;
    (void)what;
    limit->has_passed = true;
    (void)event_base_loopbreak(limit->loop);
}

bool load_dispatch(struct load *load, uint64_t limit_ms)
{
    struct timeval time = {.tv_sec = (time_t)(limit_ms / 1000),
                           .tv_usec = (suseconds_t)(limit_ms % 1000) * 1000};
    struct load_limit limit = {.loop = load->loop};
    struct event *timer = evtimer_new(load->loop, load_on_limit, &limit);
    if (timer == NULL || event_add(timer, &time) != 0)
        return false;
    (void)event_base_dispatch(load->loop);
    event_free(timer);
    return !limit.has_passed;
}

static const struct {
    const char *name;
    int (*run)(struct load *load);
} modes[] = {
    {"login", mode_login},
    {"idle", mode_idle},
    {"hold", mode_hold},
    {"fetch", mode_fetch},
    {"refuse", mode_refuse},
};

int main(int argc, char **argv)
{
    struct load load = {0};
    const char *name = load_options_read(&load.options, argc, argv);
    (void)signal(SIGPIPE, SIG_IGN);
    server_raise_descriptors();
    load.loop = event_base_new();
    load.tls = client_tls_new(load.options.certificate);
    if (load.loop == NULL || load.tls == NULL) {
        (void)fputs("load: no event loop or no TLS\n", stderr);
        return 1;
    }
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(name, modes[i].name) == 0)
            return modes[i].run(&load);
    (void)fprintf(stderr, "load: no mode %s\n", name);
    return 64;
}
