/* Two clocks: one for intervals and deadlines, one for what people read. */
#ifndef POSTERN_BASE_CLOCK_H
#define POSTERN_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock: never for anything that is stored. */
uint64_t clock_monotonic_ms(void);

/* Seconds since 1970-01-01 UTC. */
int64_t clock_wall_s(void);

enum { CLOCK_TEXT_SIZE = 32 };

/* Writes RFC 3339 UTC ("2026-11-24T04:38:39Z") into text; with milliseconds unless ms < 0. */
void clock_format(int64_t wall_s, int ms, char text[CLOCK_TEXT_SIZE]);

/* Now, with milliseconds, as clock_format writes it. */
void clock_format_now(char text[CLOCK_TEXT_SIZE]);

#endif
