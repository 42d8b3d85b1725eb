/*
 * A gate whose place another has taken: it accepts no more and lets go of what it has, slowly. Sessions
 * before login go on until their own deadlines; live ones are ended in the last quarter of the time,
 * evenly, those that were quiet longest first, so that thousands of mail programs don't all come back
 * in one second. It ends with its last connection.
 */
#ifndef POSTERN_GATE_DRAIN_H
#define POSTERN_GATE_DRAIN_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

struct gate;

struct drain {
    struct event tick;
    bool is_begun;
    uint64_t ends_ms;           /* monotonic: no live session is left then */
    uint64_t thins_out_ms;      /* from then on they are ended */
    uint64_t certified_ends_ms; /* those by certificate; 0: as all others */
};

void drain_init(struct drain *drain, struct gate *gate);
void drain_fini(struct drain *drain);

/* Begins, or sets another time. */
void drain_begin(struct gate *gate, uint32_t within_ms);

/* Ends the live sessions that came by certificate, evenly over that time. */
void drain_end_certified(struct gate *gate, uint32_t within_ms);

/* How many of count to end now, so that none is left when left_ms have passed. */
uint32_t drain_share(uint32_t count, uint64_t left_ms);

#endif
