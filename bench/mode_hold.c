/*
 * Sessions that log in and stay, silent, while somebody else does something to the server. Says "held"
 * on standard error when count of them are there, waits until standard input ends, and then has each
 * answer a NOOP: one that was closed meanwhile, or does not answer, is lost.
 */
#include "client.h"
#include "meter.h"

enum { HOLD_UP_MS = 120000, HOLD_MS = 600000, HOLD_ANSWER_MS = 30000 };

struct hold_mode {
    struct load *load;
    struct client *clients;
    size_t opened;
    size_t held;
    size_t cut;
    size_t answered;
    bool is_over; /* each is to answer now */
};

static const struct client_events hold_events;

static void hold_open_more(struct hold_mode *mode)
{
    const struct load_options *options = &mode->load->options;
    while (mode->opened < options->count && mode->opened - mode->held < options->concurrency)
        client_open(&mode->clients[mode->opened++], mode->load, &hold_events, mode);
}

static void hold_on_login(struct client *client)
{
    struct hold_mode *mode = client->mode;
    if (++mode->held == mode->load->options.count)
        (void)event_base_loopbreak(mode->load->loop);
    else
        hold_open_more(mode);
}

static void hold_break_when_done(const struct hold_mode *mode)
{
    if (mode->is_over && mode->answered + mode->cut >= mode->held)
        (void)event_base_loopbreak(mode->load->loop);
}

static void hold_on_reply(struct client *client)
{
    struct hold_mode *mode = client->mode;
    mode->answered++;
    hold_break_when_done(mode);
}

/* Before all are there that is the end of the run, since the number would be wrong. */
static void hold_on_end(struct client *client, const char *why)
{
    struct hold_mode *mode = client->mode;
    load_fail(mode->load, why);
    mode->cut++;
    if (mode->held < mode->load->options.count)
        (void)event_base_loopbreak(mode->load->loop);
    hold_break_when_done(mode);
}

static const struct client_events hold_events = {
    .on_login = hold_on_login, .on_reply = hold_on_reply, .on_end = hold_on_end};

static void hold_on_input(evutil_socket_t fd, short what, void *argument)
{
    char octets[64];
    struct hold_mode *mode = argument;
    (void)what;
    if (read(fd, octets, sizeof octets) <= 0)
        (void)event_base_loopbreak(mode->load->loop);
}

/* Until standard input ends. False when nobody ended it. */
static bool hold_wait(struct hold_mode *mode)
{
    struct event *input =
        event_new(mode->load->loop, STDIN_FILENO, EV_READ | EV_PERSIST, hold_on_input, mode);
    bool has_ended = input != NULL && event_add(input, NULL) == 0 && load_dispatch(mode->load, HOLD_MS);
    if (input != NULL)
        event_free(input);
    return has_ended;
}

static void hold_ask_all(struct hold_mode *mode)
{
    size_t cut_before = mode->cut;
    mode->is_over = true;
    for (size_t i = 0; i < mode->held; i++)
        if (mode->clients[i].phase != CLIENT_CLOSED)
            client_send(&mode->clients[i], "NOOP");
    if (mode->answered + mode->cut < mode->held && !load_dispatch(mode->load, HOLD_ANSWER_MS))
        load_fail(mode->load, "a session does not answer");
    report_begin("hold");
    report_number("sessions", (double)mode->held);
    report_number("cut", (double)cut_before);
    report_number("answered", (double)mode->answered);
    report_end(mode->load);
}

int mode_hold(struct load *load)
{
    struct hold_mode mode = {.load = load, .clients = calloc(load->options.count, sizeof *mode.clients)};
    if (mode.clients == NULL || load->options.count == 0)
        return 64;
    hold_open_more(&mode);
    if (!load_dispatch(load, HOLD_UP_MS) || mode.held < load->options.count) {
        (void)fprintf(stderr, "load: sessions did not come up: %s\n", load->first_error);
        return 1;
    }
    (void)fputs("held\n", stderr);
    if (!hold_wait(&mode))
        load_fail(load, "nobody ended it");
    hold_ask_all(&mode);
    for (size_t i = 0; i < mode.held; i++)
        client_close(&mode.clients[i]);
    free(mode.clients);
    return 0;
}
