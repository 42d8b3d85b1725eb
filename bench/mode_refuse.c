/*
 * Connections that the gate turns away, as many as it can, and the CPU time that each costs it:
 *
 *     accept  from an address that may not connect: TCP, then the gate closes
 *     plain   HTTP in clear on the TLS port: the handshake fails
 *     tls     a full TLS 1.3 handshake, then HTTP instead of IMAP, until the gate closes or objects
 *
 * A gate whose rule is a rate lets a few in; those just wait, and the rest count.
 */
#include "client.h"
#include "meter.h"

enum { REFUSE_ERRORS_MAX = 100 };

struct refuse_mode {
    struct load *load;
    const struct client_events *events;
    uint64_t refused;
};

static void refuse_next(struct client *client)
{
    struct refuse_mode *mode = client->mode;
    client_close(client);
    if (mode->load->errors > REFUSE_ERRORS_MAX)
        (void)event_base_loopbreak(mode->load->loop);
    else
        client_open(client, mode->load, mode->events, mode);
}

static void refuse_on_end(struct client *client, const char *why)
{
    struct refuse_mode *mode = client->mode;
    (void)why;
    mode->refused++;
    refuse_next(client);
}

static void refuse_on_line(struct client *client, struct span line)
{
    (void)line;
    refuse_on_end(client, "complained");
}

static void refuse_on_unexpected(struct client *client, struct span line)
{
    struct refuse_mode *mode = client->mode;
    (void)line;
    load_fail(mode->load, "not refused at accept");
    refuse_next(client);
}

static void refuse_say_http(struct client *client)
{
    client->phase = CLIENT_COMMAND;
    client_send_raw(client, "GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n");
}

static const struct client_events refuse_at_accept = {
    .is_clear = true, .on_line = refuse_on_unexpected, .on_end = refuse_on_end};

static const struct client_events refuse_plain = {
    .is_clear = true, .on_connected = refuse_say_http, .on_line = refuse_on_line,
    .on_end = refuse_on_end};

static const struct client_events refuse_after_tls = {
    .on_greeting = refuse_say_http, .on_line = refuse_on_line, .on_end = refuse_on_end};

static const struct {
    const char *name;
    const struct client_events *events;
} kinds[] = {
    {"accept", &refuse_at_accept},
    {"plain", &refuse_plain},
    {"tls", &refuse_after_tls},
};

static const struct client_events *refuse_events(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i].name) == 0)
            return kinds[i].events;
    return NULL;
}

int mode_refuse(struct load *load)
{
    struct refuse_mode mode = {.load = load, .events = refuse_events(load->options.kind)};
    struct client *clients = calloc(load->options.concurrency, sizeof *clients);
    if (clients == NULL || mode.events == NULL) {
        (void)fputs("load: no such kind\n", stderr);
        return 1;
    }
    struct meter meter;
    meter_start(&meter, load);
    for (uint64_t i = 0; i < load->options.concurrency; i++)
        client_open(&clients[i], load, mode.events, &mode);
    (void)load_dispatch(load, load->options.duration_ms);
    meter_stop(&meter, load);

    report_begin("refuse");
    report_number("refused", (double)mode.refused);
    report_number("refused_per_cpu_s",
                  (double)mode.refused * 1e6 / (double)(meter.server_us + !meter.server_us));
    report_number("server_busy", (double)meter.server_us / (double)meter.wall_us);
    report_meter(&meter);
    report_end(load);
    free(clients);
    return mode.refused > 0 && load->errors == 0 ? 0 : 1;
}
