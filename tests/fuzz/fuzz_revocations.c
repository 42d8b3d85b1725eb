/*
 * Tables of revoked certificates, as a process that was taken over might write them. Claims: one that is
 * read can be asked anything, and every answer comes from inside it; a cut one is read only where what
 * is missing was not used.
 */
#include "fuzz.h"
#include "pki/revocations.h"

/* Serials of all lengths, out of the table itself. */
static void ask_row(const struct revocations *table, const struct revocations_row *row)
{
    for (size_t len = 0; len <= SERIAL_MAX; len++) {
        struct span serials = revocations_row_serials(table, row, len);
        invariant(serials.at >= table->octets.at && serials.len <= table->octets.len);
        invariant((size_t)(serials.at - table->octets.at) <= table->octets.len - serials.len);
        struct span serial = span_first(table->octets, len);
        enum revocations_answer answer = revocations_find(table, &row->issuer, serial, INT64_MAX, 0);
        invariant(answer != REVOCATIONS_NO_LIST);
        invariant(revocations_find(table, &row->issuer, serial, INT64_MIN, INT64_MAX) != REVOCATIONS_OVERDUE);
        if (serials.len == len && len > 0)
            invariant(revocations_find(table, &row->issuer, serials, 0, 0) == REVOCATIONS_LISTED ||
                      revocations_row_of(table, &row->issuer) != row);
    }
    invariant(row->name_size <= REVOCATIONS_NAME_MAX);
    (void)revocations_row_count(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct revocations table;
    uint8_t *copy = malloc(len); /* aligned, and with an end that the sanitizer sees */
    invariant(copy != NULL || len == 0);
    if (len > 0)
        memcpy(copy, octets, len);
    if (revocations_read(span_make(copy, len), &table)) {
        invariant(table.row_count <= REVOCATIONS_LISTS_MAX);
        for (uint32_t i = 0; i < table.row_count; i++)
            ask_row(&table, &table.rows[i]);
    }
    free(copy);
    return 0;
}
