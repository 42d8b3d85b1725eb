/* Makes the table of revoked certificates; see draft.h. Called from maker.c. */
#include "revocations/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAFT_FIRST_OCTETS = 4096 };

static bool serials_reserve(struct draft_serials *serials, size_t needed)
{
    size_t size = serials->size == 0 ? DRAFT_FIRST_OCTETS : serials->size;
    if (needed > REVOCATIONS_TABLE_MAX)
        return false;
    while (size < needed)
        size *= 2;
    if (size == serials->size)
        return true;
    uint8_t *grown = realloc(serials->at, size);
    if (grown == NULL)
        return false;
    serials->at = grown;
    serials->size = size;
    return true;
}

/* Adds serials of that length, end to end. */
static bool draft_row_add_all(struct draft_row *row, struct span octets, size_t len, uint32_t count)
{
    struct draft_serials *serials = &row->serials[len];
    size_t used = (size_t)row->row.counts[len] * len;
    if (count > UINT32_MAX - row->row.counts[len] || !serials_reserve(serials, used + octets.len))
        return false;
    if (octets.len > 0)
        memcpy(serials->at + used, octets.at, octets.len);
    row->row.counts[len] += count;
    return true;
}

bool draft_row_add(struct draft_row *row, struct span serial)
{
    return serial.len <= SERIAL_MAX && draft_row_add_all(row, serial, serial.len, 1);
}

bool draft_row_copy(struct draft_row *row, const struct revocations *table,
                    const struct revocations_row *from)
{
    bool is_whole = true;
    row->row = *from;
    memset(row->row.counts, 0, sizeof row->row.counts);
    for (size_t len = 0; is_whole && len <= SERIAL_MAX; len++)
        is_whole = draft_row_add_all(row, revocations_row_serials(table, from, len), len, from->counts[len]);
    return is_whole;
}

static int compare_serials(const void *one, const void *other, void *len)
{
    return memcmp(one, other, *(const size_t *)len);
}

void draft_row_sort(struct draft_row *row)
{
    for (size_t len = 1; len <= SERIAL_MAX; len++)
        if (row->row.counts[len] > 1)
            qsort_r(row->serials[len].at, row->row.counts[len], len, compare_serials, &len);
}

void draft_row_fini(struct draft_row *row)
{
    for (size_t len = 0; len <= SERIAL_MAX; len++)
        free(row->serials[len].at);
    *row = (struct draft_row){.row = {.name_size = 0}};
}

/* Writes all of it at *at, which moves behind it. 0 or -errno. */
static int draft_put(int fd, struct span octets, uint64_t *at)
{
    while (octets.len > 0) {
        ssize_t put = pwrite(fd, octets.at, octets.len, (off_t)*at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? -errno : -EIO;
        octets = span_from(octets, (size_t)put);
        *at += (uint64_t)put;
    }
    return 0;
}

static uint64_t draft_row_octets(const struct draft_row *row)
{
    uint64_t octets = 0;
    for (size_t len = 0; len <= SERIAL_MAX; len++)
        octets += (uint64_t)row->row.counts[len] * len;
    return octets;
}

static int draft_put_serials(int fd, const struct draft_row *row, uint64_t *at)
{
    int result = 0;
    for (size_t len = 1; result == 0 && len <= SERIAL_MAX; len++)
        result = draft_put(fd, span_make(row->serials[len].at, row->row.counts[len] * len), at);
    return result;
}

int draft_write(struct draft_row *const *rows, uint32_t count, int fd)
{
    struct revocations_head head = {
        .magic = REVOCATIONS_MAGIC, .version = REVOCATIONS_VERSION, .row_count = count};
    uint64_t at = 0;
    uint64_t serials_at = sizeof head + (uint64_t)count * sizeof(struct revocations_row);
    int result = draft_put(fd, span_make(&head, sizeof head), &at);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        rows[i]->row.serials_at = serials_at;
        serials_at += draft_row_octets(rows[i]);
        if (serials_at > REVOCATIONS_TABLE_MAX)
            return -EFBIG;
        result = draft_put(fd, span_make(&rows[i]->row, sizeof rows[i]->row), &at);
    }
    for (uint32_t i = 0; result == 0 && i < count; i++)
        result = draft_put_serials(fd, rows[i], &at);
    return result;
}
