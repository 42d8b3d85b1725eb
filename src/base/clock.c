/* Monotonic and wall time; see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

uint64_t clock_monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int64_t clock_wall_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

void clock_format(int64_t wall_s, int ms, char text[CLOCK_TEXT_SIZE])
{
    struct tm utc;
    time_t seconds = (time_t)wall_s;
    if (gmtime_r(&seconds, &utc) == NULL) {
        (void)snprintf(text, CLOCK_TEXT_SIZE, "@%lld", (long long)wall_s);
        return;
    }
    size_t len = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    if (ms >= 0)
        (void)snprintf(text + len, CLOCK_TEXT_SIZE - len, ".%03dZ", ms % 1000);
    else
        (void)snprintf(text + len, CLOCK_TEXT_SIZE - len, "Z");
}

void clock_format_now(char text[CLOCK_TEXT_SIZE])
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    clock_format(now.tv_sec, (int)(now.tv_nsec / 1000000), text);
}
