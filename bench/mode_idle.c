/*
 * Sessions that log in, enter IDLE through the relay and stay: what one more costs in memory. Read
 * after a few logins and logouts, so that code and tables which the first session touches are not
 * counted as its cost; and again at each of the steps, when the server has come to rest.
 */
#include "client.h"
#include "meter.h"

enum { IDLE_LIMIT_MS = 120000 };

struct idle_mode {
    struct load *load;
    struct client *clients;
    size_t wanted; /* sessions of the present step */
    size_t opened;
    size_t held;
};

static const struct client_events idle_events;

static void idle_open_more(struct idle_mode *mode)
{
    while (mode->opened < mode->wanted &&
           mode->opened - mode->held < mode->load->options.concurrency) {
        struct client *client = &mode->clients[mode->opened++];
        client_open(client, mode->load, &idle_events, mode);
    }
}

static void idle_on_login(struct client *client)
{
    client_send(client, "IDLE");
}

static void idle_on_reply(struct client *client)
{
    struct idle_mode *mode = client->mode;
    mode->held++;
    if (mode->held == mode->wanted)
        (void)event_base_loopbreak(mode->load->loop);
    else
        idle_open_more(mode);
}

/* A session that fails would make the average wrong: it ends the run. */
static void idle_on_end(struct client *client, const char *why)
{
    struct idle_mode *mode = client->mode;
    load_fail(mode->load, why);
    (void)event_base_loopbreak(mode->load->loop);
}

static const struct client_events idle_events = {
    .on_login = idle_on_login, .on_reply = idle_on_reply, .on_end = idle_on_end};

static bool idle_reach(struct idle_mode *mode, size_t wanted)
{
    mode->wanted = wanted;
    idle_open_more(mode);
    if (mode->load->errors == 0 && !load_dispatch(mode->load, IDLE_LIMIT_MS))
        load_fail(mode->load, "sessions did not come up");
    return mode->load->errors == 0;
}

/* Sessions that come and go before the first reading. */
static bool idle_warm_up(struct idle_mode *mode)
{
    size_t count = (size_t)mode->load->options.warmup;
    if (count > 0 && !idle_reach(mode, count))
        return false;
    for (size_t i = 0; i < count; i++)
        client_close(&mode->clients[i]);
    mode->opened = mode->held = 0;
    (void)processes_settle_us(&mode->load->options.server);
    return true;
}

static void idle_measure(const struct load *load, const char *name, size_t sessions,
                         int64_t before_kib)
{
    char key[64];
    (void)processes_settle_us(&load->options.server);
    int64_t pss_kib = processes_pss_kib(&load->options.server);
    (void)snprintf(key, sizeof key, "pss_kib_%s", name);
    report_number(key, (double)pss_kib);
    if (sessions == 0)
        return;
    (void)snprintf(key, sizeof key, "kib_per_session_%s", name);
    report_number(key, (double)(pss_kib - before_kib) / (double)sessions);
}

int mode_idle(struct load *load)
{
    struct idle_mode mode = {.load = load};
    size_t most = (size_t)load->options.warmup;
    for (size_t i = 0; i < load->options.step_count; i++)
        most = load->options.steps[i] > most ? load->options.steps[i] : most;
    mode.clients = calloc(most + 1, sizeof *mode.clients);
    if (mode.clients == NULL || !idle_warm_up(&mode)) {
        (void)fprintf(stderr, "load: %s\n", load->first_error);
        return 1;
    }

    report_begin("idle");
    int64_t before_kib = processes_pss_kib(&load->options.server);
    idle_measure(load, "before", 0, 0);
    for (size_t i = 0; i < load->options.step_count && load->errors == 0; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "%zu", load->options.steps[i]);
        if (idle_reach(&mode, load->options.steps[i]))
            idle_measure(load, name, load->options.steps[i], before_kib);
    }
    report_number("sessions", (double)mode.held);
    report_end(load);
    return load->errors == 0 ? 0 : 1;
}
