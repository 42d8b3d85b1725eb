/*
 * Bulk download: sessions that fetch the backend's message again and again. Counted are the octets
 * of literals between the moment when all are logged in and the end of the time; MB is 1,000,000
 * octets.
 */
#include "client.h"
#include "meter.h"

enum { FETCH_LIMIT_MS = 15000 };

struct fetch_mode {
    struct load *load;
    struct client *clients;
    struct meter meter;
    uint64_t started_us;
    uint64_t logged_in;
    uint64_t octets;
};

static void fetch_on_login(struct client *client)
{
    struct fetch_mode *mode = client->mode;
    if (++mode->logged_in == mode->load->options.concurrency)
        (void)event_base_loopbreak(mode->load->loop);
}

static void fetch_on_reply(struct client *client)
{
    client_send(client, "FETCH 1 BODY.PEEK[]");
}

static void fetch_finish(struct fetch_mode *mode)
{
    meter_cut(&mode->meter, mode->load);
    for (uint64_t i = 0; i < mode->load->options.concurrency; i++)
        client_close(&mode->clients[i]);
    (void)event_base_loopbreak(mode->load->loop);
}

static void fetch_on_literal(struct client *client, size_t len)
{
    struct fetch_mode *mode = client->mode;
    mode->octets += len;
    if (load_check_over(mode->load, mode->started_us))
        fetch_finish(mode);
}

static void fetch_on_end(struct client *client, const char *why)
{
    struct fetch_mode *mode = client->mode;
    load_fail(mode->load, why);
    (void)event_base_loopbreak(mode->load->loop);
}

static const struct client_events fetch_events = {.on_login = fetch_on_login,
                                                  .on_reply = fetch_on_reply,
                                                  .on_literal = fetch_on_literal,
                                                  .on_end = fetch_on_end};

static void fetch_run(struct fetch_mode *mode)
{
    struct load *load = mode->load;
    for (uint64_t i = 0; i < load->options.concurrency; i++)
        client_open(&mode->clients[i], load, &fetch_events, mode);
    if (!load_dispatch(load, FETCH_LIMIT_MS))
        load_fail(load, "sessions did not come up");
    if (load->errors > 0)
        return;
    meter_start(&mode->meter, load);
    mode->started_us = load_now_us();
    for (uint64_t i = 0; i < load->options.concurrency; i++)
        fetch_on_reply(&mode->clients[i]);
    if (!load_dispatch(load, load->options.duration_ms + FETCH_LIMIT_MS))
        load_fail(load, "nothing more arrived");
}

int mode_fetch(struct load *load)
{
    struct fetch_mode mode = {.load = load};
    mode.clients = calloc(load->options.concurrency, sizeof *mode.clients);
    if (mode.clients == NULL)
        return 1;
    fetch_run(&mode);
    if (load->errors > 0 || mode.octets == 0) {
        (void)fprintf(stderr, "load: %s\n", load->first_error);
        return 1;
    }
    double megabytes = (double)mode.octets / 1e6;
    report_begin("fetch");
    report_number("sessions", (double)load->options.concurrency);
    report_number("megabytes", megabytes);
    report_number("mb_per_s", (double)mode.octets / (double)mode.meter.wall_us);
    report_number("cpu_us_per_mb", (double)mode.meter.server_us / megabytes);
    report_number("server_busy", (double)mode.meter.server_us / (double)mode.meter.wall_us);
    report_meter(&mode.meter);
    report_end(load);
    free(mode.clients);
    return 0;
}
