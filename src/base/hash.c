/* SipHash-2-4 (Aumasson and Bernstein, 2012) and intrusive chained tables; see hash.h. */
#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { HASH_FIRST_BUCKETS = 64 };

int hash_key_draw(struct hash_key *ret_key)
{
    ssize_t got;
    do
        got = getrandom(ret_key, sizeof *ret_key, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof *ret_key)
        return got < 0 ? -errno : -EIO;
    return 0;
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

/* At most eight octets, little-endian. */
static uint64_t sip_word(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return word;
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

uint64_t hash_span(const struct hash_key *key, struct span bytes)
{
    uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d,
                     key->k0 ^ 0x6c7967656e657261, key->k1 ^ 0x7465646279746573};
    struct span rest = bytes;
    for (; rest.len >= 8; rest = span_from(rest, 8))
        sip_absorb(v, sip_word(rest.at, 8));
    sip_absorb(v, sip_word(rest.at, rest.len) | (uint64_t)(bytes.len & 0xff) << 56);
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int hash_table_init(struct hash_table *table)
{
    struct hash_link **buckets = calloc(HASH_FIRST_BUCKETS, sizeof(struct hash_link *));
    if (buckets == NULL)
        return -ENOMEM;
    *table = (struct hash_table){.buckets = buckets, .bucket_count = HASH_FIRST_BUCKETS};
    return 0;
}

void hash_table_fini(struct hash_table *table)
{
    free(table->buckets);
    *table = (struct hash_table){.buckets = NULL};
}

static struct hash_link **hash_bucket(const struct hash_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void hash_put(struct hash_table *table, struct hash_link *link)
{
    struct hash_link **bucket = hash_bucket(table, link->hash);
    link->next = *bucket;
    link->before = bucket;
    if (link->next != NULL)
        link->next->before = &link->next;
    *bucket = link;
}

/* Doubles the buckets. Not being able to is no error: the table only gets slower. */
static void hash_table_grow(struct hash_table *table)
{
    struct hash_table larger = {.bucket_count = table->bucket_count * 2, .count = table->count};
    larger.buckets = calloc(larger.bucket_count, sizeof(struct hash_link *));
    if (larger.buckets == NULL)
        return;
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct hash_link *link = table->buckets[i];
        while (link != NULL) {
            struct hash_link *next = link->next;
            hash_put(&larger, link);
            link = next;
        }
    }
    free(table->buckets);
    *table = larger;
}

void hash_table_insert(struct hash_table *table, struct hash_link *link, uint64_t hash)
{
    if (table->count >= table->bucket_count)
        hash_table_grow(table);
    link->hash = hash;
    hash_put(table, link);
    table->count++;
}

void hash_table_remove(struct hash_table *table, struct hash_link *link)
{
    if (link->before == NULL)
        return;
    *link->before = link->next;
    if (link->next != NULL)
        link->next->before = link->before;
    *link = (struct hash_link){.next = NULL};
    table->count--;
}

static struct hash_link *hash_seek(struct hash_link *link, uint64_t hash)
{
    while (link != NULL && link->hash != hash)
        link = link->next;
    return link;
}

struct hash_link *hash_table_first(const struct hash_table *table, uint64_t hash)
{
    return hash_seek(*hash_bucket(table, hash), hash);
}

struct hash_link *hash_table_next(const struct hash_link *link)
{
    return hash_seek(link->next, link->hash);
}
