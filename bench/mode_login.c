/*
 * Logins over and over: connect, full handshake, LOGIN, LOGOUT. The time of one is from connect()
 * to the tagged OK of LOGIN, what a user waits for; the CPU time of one includes the logout and
 * the end of the connection.
 */
#include "client.h"
#include "meter.h"
#include "samples.h"

enum { FINISH_MS = 15000, ERRORS_MAX = 100 };

struct login_mode {
    struct load *load;
    struct samples samples;
    uint64_t started_us;
    uint64_t begun;
    uint64_t wanted; /* logins; 0: as many as the time allows */
    uint64_t done;
    uint64_t active;
};

static const struct client_events login_events;

static bool login_is_over(struct login_mode *mode)
{
    return mode->load->errors > ERRORS_MAX || (mode->wanted != 0 && mode->begun >= mode->wanted) ||
           load_check_over(mode->load, mode->started_us);
}

/* The client has nothing to do: begins its next login or leaves it. */
static void login_next(struct login_mode *mode, struct client *client)
{
    client_close(client);
    if (login_is_over(mode)) {
        if (--mode->active == 0)
            (void)event_base_loopbreak(mode->load->loop);
        return;
    }
    mode->begun++;
    client_open(client, mode->load, &login_events, mode);
}

static void login_on_login(struct client *client)
{
    struct login_mode *mode = client->mode;
    samples_add(&mode->samples, load_now_us() - client->started_us);
    client_send(client, "LOGOUT");
}

static void login_on_reply(struct client *client)
{
    struct login_mode *mode = client->mode;
    mode->done++;
    login_next(mode, client);
}

static void login_on_end(struct client *client, const char *why)
{
    struct login_mode *mode = client->mode;
    load_fail(mode->load, why);
    login_next(mode, client);
}

static const struct client_events login_events = {
    .on_login = login_on_login, .on_reply = login_on_reply, .on_end = login_on_end};

static void login_run(struct login_mode *mode, struct client *clients, uint64_t wanted)
{
    struct load *load = mode->load;
    uint64_t concurrency = load->options.concurrency;
    mode->wanted = wanted;
    mode->begun = mode->done = mode->samples.count = 0;
    mode->started_us = load_now_us();
    mode->active = concurrency;
    load->is_over = false;
    for (uint64_t i = 0; i < concurrency; i++)
        login_next(mode, &clients[i]);
    if (mode->active > 0 && !load_dispatch(load, load->options.duration_ms + FINISH_MS))
        load_fail(load, "logins did not end");
}

int mode_login(struct load *load)
{
    struct login_mode mode = {.load = load};
    struct client *clients = calloc(load->options.concurrency, sizeof *clients);
    if (clients == NULL)
        return 1;
    if (load->options.warmup > 0)
        login_run(&mode, clients, load->options.warmup);

    struct meter meter;
    meter_start(&meter, load);
    uint64_t started_us = load_now_us();
    login_run(&mode, clients, load->options.count);
    uint64_t took_us = load_now_us() - started_us;
    meter_stop(&meter, load);

    report_begin("login");
    report_number("concurrency", (double)load->options.concurrency);
    report_number("logins", (double)mode.done);
    report_number("logins_per_s", (double)mode.done * 1e6 / (double)took_us);
    report_number("cpu_us_per_login", (double)meter.server_us / (double)(mode.done + !mode.done));
    report_number("server_busy", (double)meter.server_us / (double)took_us);
    report_number("p50_ms", samples_percentile_ms(&mode.samples, 50));
    report_number("p90_ms", samples_percentile_ms(&mode.samples, 90));
    report_number("p99_ms", samples_percentile_ms(&mode.samples, 99));
    report_number("max_ms", samples_percentile_ms(&mode.samples, 100));
    report_meter(&meter);
    report_end(load);
    samples_fini(&mode.samples);
    free(clients);
    return mode.done > 0 ? 0 : 1;
}
