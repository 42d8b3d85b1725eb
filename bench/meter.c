/* Measuring and reporting for all modes; see meter.h. */
#include "meter.h"

#include <sys/resource.h>

static int64_t timeval_us(const struct timeval *time)
{
    return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

static int64_t meter_own_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return timeval_us(&usage.ru_utime) + timeval_us(&usage.ru_stime);
}

static struct meter meter_read(const struct load *load)
{
    return (struct meter){
        .server_us = processes_cpu_us(&load->options.server),
        .helper_us = processes_cpu_us(&load->options.helper),
        .backend_us = processes_cpu_us(&load->options.backend),
        .own_us = meter_own_us(),
        .wall_us = (int64_t)load_now_us(),
    };
}

void meter_start(struct meter *meter, const struct load *load)
{
    (void)processes_settle_us(&load->options.server);
    *meter = meter_read(load);
}

static void meter_subtract(struct meter *meter, const struct meter *now)
{
    meter->server_us = now->server_us - meter->server_us;
    meter->helper_us = now->helper_us - meter->helper_us;
    meter->backend_us = now->backend_us - meter->backend_us;
    meter->own_us = now->own_us - meter->own_us;
    meter->wall_us = now->wall_us - meter->wall_us;
}

void meter_cut(struct meter *meter, const struct load *load)
{
    struct meter now = meter_read(load);
    meter_subtract(meter, &now);
}

void meter_stop(struct meter *meter, const struct load *load)
{
    struct meter now = meter_read(load);
    now.server_us = processes_settle_us(&load->options.server);
    meter_subtract(meter, &now);
}

void report_begin(const char *mode)
{
    (void)printf("{\"mode\": \"%s\"", mode);
}

void report_number(const char *key, double value)
{
    (void)printf(", \"%s\": %.3f", key, value);
}

void report_meter(const struct meter *meter)
{
    report_number("server_cpu_us", (double)meter->server_us);
    report_number("helper_cpu_us", (double)meter->helper_us);
    report_number("backend_cpu_us", (double)meter->backend_us);
    report_number("load_cpu_us", (double)meter->own_us);
    report_number("wall_us", (double)meter->wall_us);
}

void report_end(const struct load *load)
{
    char text[sizeof load->first_error];
    size_t len = 0;
    for (const char *at = load->first_error; *at != '\0'; at++)
        text[len++] = *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\' ? *at : '?';
    text[len] = '\0';
    report_number("errors", (double)load->errors);
    (void)printf(", \"first_error\": \"%s\"}\n", text);
}
