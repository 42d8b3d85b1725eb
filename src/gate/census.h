/*
 * Counts connections before login by address or by prefix, and how often each may start a handshake.
 * Bounded memory: a place that counts nothing is remembered for its handshakes until CENSUS_QUIET_MAX
 * others were quiet for less long, or room is needed. All connections of an address meet the same
 * gate (the supervisor's socket filter sees to it), so counts are exact.
 */
#ifndef POSTERN_GATE_CENSUS_H
#define POSTERN_GATE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/hash.h"
#include "base/ip.h"

enum { CENSUS_QUIET_MAX = 16384 };

struct stranger;
TAILQ_HEAD(stranger_list, stranger);

/* A connection that may be closed to make room: it waits, and no login of it is under way. */
struct stranger {
    TAILQ_ENTRY(stranger) link;
    void *owner;
};

/* One address or prefix. */
struct census_place {
    TAILQ_ENTRY(census_place) by_age; /* only while it counts nothing: least recently used first */
    struct hash_link by_ip;
    struct ip ip;
    uint32_t connections;
    uint32_t tokens_milli; /* handshakes it may start now, in thousandths */
    uint64_t refilled_ms;  /* monotonic */
    struct stranger_list strangers; /* oldest first */
};

struct census {
    struct census_place *places; /* zeroed memory that is only touched when it is needed */
    size_t capacity;
    size_t used;  /* places that have an address */
    size_t quiet; /* of them, those that count nothing */
    struct hash_table by_ip;
    struct hash_key key; /* so that nobody can aim at one row */
    TAILQ_HEAD(, census_place) by_age;
};

/* Room for capacity places, which take memory as they are needed. 0 or -ENOMEM. */
int census_init(struct census *census, size_t capacity) MUST_USE;
void census_fini(struct census *census);

/*
 * The place of ip, which the caller has masked, made when it is new. NULL only when every place has
 * connections.
 */
struct census_place *census_find(struct census *census, const struct ip *ip, uint64_t now_ms);

/* A connection of that place begins, ends. A place that counts something is never given away. */
void census_enter(struct census *census, struct census_place *place);
void census_leave(struct census *census, struct census_place *place);

/*
 * Takes one handshake of per_s a second (burst: as many as a second's, at least one) from the
 * place. False when there is none left.
 */
bool census_take_handshake(struct census_place *place, uint32_t per_s, uint64_t now_ms) MUST_USE;

#endif
