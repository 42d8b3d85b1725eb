/* Percentiles for the login mode; see samples.h. */
#include "samples.h"

void samples_add(struct samples *samples, uint64_t us)
{
    if (samples->count == samples->size) {
        size_t size = samples->size == 0 ? 4096 : samples->size * 2;
        if (size > SAMPLES_MAX)
            return;
        uint32_t *grown = realloc(samples->us, size * sizeof *grown);
        if (grown == NULL)
            return;
        samples->us = grown;
        samples->size = size;
    }
    samples->us[samples->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int sample_compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

double samples_percentile_ms(struct samples *samples, double percent)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->us, samples->count, sizeof *samples->us, sample_compare);
    size_t rank = (size_t)(percent / 100 * (double)samples->count);
    if (rank >= samples->count)
        rank = samples->count - 1;
    return (double)samples->us[rank] / 1000;
}

void samples_fini(struct samples *samples)
{
    free(samples->us);
    *samples = (struct samples){0};
}
