/*
 * Reads the table of revoked certificates; see revocations.h. Asked by authorities.c for every
 * certificate of a chain; written by revocations_draft.c.
 */
#include "pki/revocations.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* All octets of a row's serials; false when that is more than fits behind where they begin. */
static bool row_fits(const struct revocations_row *row, size_t table_size)
{
    uint64_t octets = 0; /* at most 21 * 2^32 * 20 */
    for (size_t len = 0; len <= SERIAL_MAX; len++)
        octets += (uint64_t)row->counts[len] * len;
    return row->name_size <= REVOCATIONS_NAME_MAX && row->has_number <= 1 &&
           row->serials_at <= table_size && octets <= table_size - row->serials_at;
}

bool revocations_read(struct span octets, struct revocations *ret_table)
{
    struct revocations table = {.octets = octets};
    const struct revocations_head *head = (const void *)octets.at;
    if (octets.len < sizeof *head || octets.len > REVOCATIONS_TABLE_MAX ||
        head->magic != REVOCATIONS_MAGIC || head->version != REVOCATIONS_VERSION ||
        head->row_count > REVOCATIONS_LISTS_MAX ||
        (octets.len - sizeof *head) / sizeof *table.rows < head->row_count)
        return false;
    table.rows = (const void *)(octets.at + sizeof *head);
    table.row_count = head->row_count;
    for (uint32_t i = 0; i < table.row_count; i++)
        if (!row_fits(&table.rows[i], octets.len))
            return false;
    *ret_table = table;
    return true;
}

bool revocations_map(int fd, struct revocations *ret_table, struct strbuf *why)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size <= 0 || status.st_size > REVOCATIONS_TABLE_MAX) {
        strbuf_append(why, "the table of revoked certificates has no size that one can have");
        return false;
    }
    void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        strbuf_append(why, "the table of revoked certificates can't be mapped");
        return false;
    }
    if (revocations_read(span_make(at, (size_t)status.st_size), ret_table)) {
        ret_table->is_mapped = true;
        return true;
    }
    (void)munmap(at, (size_t)status.st_size);
    strbuf_append(why, "the table of revoked certificates is malformed");
    return false;
}

void revocations_unmap(struct revocations *table)
{
    if (table->is_mapped)
        (void)munmap((void *)(uintptr_t)table->octets.at, table->octets.len);
    *table = (struct revocations){.row_count = 0};
}

uint64_t revocations_row_count(const struct revocations_row *row)
{
    uint64_t count = 0;
    for (size_t len = 0; len <= SERIAL_MAX; len++)
        count += row->counts[len];
    return count;
}

struct span revocations_row_serials(const struct revocations *table, const struct revocations_row *row,
                                    size_t len)
{
    uint64_t at = row->serials_at;
    for (size_t shorter = 0; shorter < len; shorter++)
        at += (uint64_t)row->counts[shorter] * shorter;
    return span_make(table->octets.at + at, row->counts[len] * len);
}

static bool row_lists(const struct revocations *table, const struct revocations_row *row,
                      struct span serial)
{
    if (serial.len == 0 || serial.len > SERIAL_MAX)
        return serial.len == 0 && row->counts[0] > 0;
    struct span serials = revocations_row_serials(table, row, serial.len);
    uint32_t low = 0;
    uint32_t high = row->counts[serial.len];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(serials.at + (size_t)middle * serial.len, serial.at, serial.len);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

const struct revocations_row *revocations_row_of(const struct revocations *table,
                                                 const struct issuer *issuer)
{
    for (uint32_t i = 0; i < table->row_count; i++)
        if (memcmp(&table->rows[i].issuer, issuer, sizeof *issuer) == 0)
            return &table->rows[i];
    return NULL;
}

enum revocations_answer revocations_find(const struct revocations *table, const struct issuer *issuer,
                                         struct span serial, int64_t now_s, int64_t grace_s)
{
    const struct revocations_row *row = revocations_row_of(table, issuer);
    if (row == NULL)
        return REVOCATIONS_NO_LIST;
    if (row_lists(table, row, serial))
        return REVOCATIONS_LISTED;
    /* Without a sum: the table may name any time. */
    bool is_overdue = now_s > row->next_update_s && now_s - grace_s > row->next_update_s;
    return is_overdue ? REVOCATIONS_OVERDUE : REVOCATIONS_UNLISTED;
}
