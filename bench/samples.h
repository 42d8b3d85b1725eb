/* Times of single logins, kept whole, so that percentiles are exact. */
#ifndef POSTERN_BENCH_SAMPLES_H
#define POSTERN_BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

enum { SAMPLES_MAX = 4000000 };

struct samples {
    uint32_t *us; /* owned */
    size_t count;
    size_t size;
};

/* What lies beyond SAMPLES_MAX is not kept. */
void samples_add(struct samples *samples, uint64_t us);

/* In milliseconds; 0 when there are none. Sorts the samples. */
double samples_percentile_ms(struct samples *samples, double percent);

void samples_fini(struct samples *samples);

#endif
