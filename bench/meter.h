/*
 * CPU and wall time of the measured part of a run, and the report: one JSON object on standard
 * output.
 */
#ifndef POSTERN_BENCH_METER_H
#define POSTERN_BENCH_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "load.h"

struct meter {
    int64_t server_us;
    int64_t helper_us;
    int64_t backend_us;
    int64_t own_us;
    int64_t wall_us;
};

/* Reads all clocks; the server's after it has come to rest. */
void meter_start(struct meter *meter, const struct load *load);

/* Turns the readings into differences. */
void meter_stop(struct meter *meter, const struct load *load);

/* As meter_stop, but reads at once: for a server that is kept busy to the end. */
void meter_cut(struct meter *meter, const struct load *load);

/* Prints {"mode": …; then the fields; then the errors and }. */
void report_begin(const char *mode);
void report_number(const char *key, double value);
void report_meter(const struct meter *meter);
void report_end(const struct load *load);

#endif
