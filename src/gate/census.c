/* Counts per address and prefix; see census.h. Called from listener.c for every connection. */
#include "gate/census.h"

#include <errno.h>
#include <stdlib.h>

#include "base/invariant.h"

int census_init(struct census *census, size_t capacity)
{
    *census = (struct census){.places = calloc(capacity, sizeof *census->places),
                              .capacity = capacity};
    TAILQ_INIT(&census->by_age);
    if (census->places == NULL || hash_table_init(&census->by_ip) != 0 ||
        hash_key_draw(&census->key) != 0) {
        census_fini(census);
        return -ENOMEM;
    }
    return 0;
}

void census_fini(struct census *census)
{
    hash_table_fini(&census->by_ip);
    free(census->places);
    *census = (struct census){.places = NULL};
}

static struct census_place *census_look_up(struct census *census, const struct ip *ip, uint64_t hash)
{
    struct hash_link *link = hash_table_first(&census->by_ip, hash);
    for (; link != NULL; link = hash_table_next(link)) {
        struct census_place *place = hash_holder(link, struct census_place, by_ip);
        if (ip_equal(&place->ip, ip))
            return place;
    }
    return NULL;
}

/* A place for a new address, in by_age: a fresh one, or the one that was quiet longest. */
static struct census_place *census_make_place(struct census *census)
{
    struct census_place *place = TAILQ_FIRST(&census->by_age);
    if (census->used < census->capacity && census->quiet < CENSUS_QUIET_MAX) {
        place = &census->places[census->used++];
        TAILQ_INIT(&place->strangers);
        TAILQ_INSERT_TAIL(&census->by_age, place, by_age);
        census->quiet++;
    }
    return place;
}

struct census_place *census_find(struct census *census, const struct ip *ip, uint64_t now_ms)
{
    uint64_t hash = hash_span(&census->key, span_make(ip->octets, sizeof ip->octets));
    struct census_place *place = census_look_up(census, ip, hash);
    if (place != NULL && place->connections > 0)
        return place;
    if (place == NULL) {
        place = census_make_place(census);
        if (place == NULL)
            return NULL;
        hash_table_remove(&census->by_ip, &place->by_ip);
        place->ip = *ip;
        place->tokens_milli = UINT32_MAX; /* full; cut to the burst at the first use */
        place->refilled_ms = now_ms;
        hash_table_insert(&census->by_ip, &place->by_ip, hash);
    }
    TAILQ_REMOVE(&census->by_age, place, by_age);
    TAILQ_INSERT_TAIL(&census->by_age, place, by_age);
    return place;
}

void census_enter(struct census *census, struct census_place *place)
{
    if (place->connections++ > 0)
        return;
    TAILQ_REMOVE(&census->by_age, place, by_age);
    census->quiet--;
}

void census_leave(struct census *census, struct census_place *place)
{
    invariant(place->connections > 0);
    if (--place->connections > 0)
        return;
    TAILQ_INSERT_TAIL(&census->by_age, place, by_age);
    census->quiet++;
}

bool census_take_handshake(struct census_place *place, uint32_t per_s, uint64_t now_ms)
{
    uint64_t burst = (uint64_t)(per_s == 0 ? 1 : per_s) * 1000;
    uint64_t tokens = place->tokens_milli + (now_ms - place->refilled_ms) * per_s;
    if (tokens > burst)
        tokens = burst;
    place->refilled_ms = now_ms;
    bool taken = tokens >= 1000;
    place->tokens_milli = (uint32_t)(taken ? tokens - 1000 : tokens);
    return taken;
}
