/*
 * Tests of pki/revocations.h and revocations/draft.h: what was put in is found, and a table that was
 * tampered with is refused or harmless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pki/revocations.h"
#include "revocations/draft.h"

enum { SERIALS = 3000, NEXT_UPDATE = 2000 };

static struct issuer issuer_of(uint8_t number)
{
    struct issuer issuer;
    memset(&issuer, number, sizeof issuer);
    return issuer;
}

/* The serial of that number: of every length that there is, and never one that begins with zero. */
static struct span serial_of(uint32_t number, uint8_t octets[SERIAL_MAX])
{
    size_t len = 3 + number % (SERIAL_MAX - 2);
    memset(octets, 0x5a, SERIAL_MAX);
    octets[0] = (uint8_t)(1 + number % 251);
    octets[1] = (uint8_t)(number >> 8);
    octets[2] = (uint8_t)number;
    return span_make(octets, len);
}

static void add(struct draft_row *row, struct span serial)
{
    assert_true(draft_row_add(row, serial));
}

/* A table of two rows: even numbers are on the first list, zero and a short one on the second. */
static int make_table(void)
{
    static struct draft_row rows[2];
    struct draft_row *const order[] = {&rows[0], &rows[1]};
    uint8_t octets[SERIAL_MAX];
    for (uint32_t i = SERIALS; i > 0; i -= 2)
        add(&rows[0], serial_of(i, octets));
    add(&rows[1], SPAN("\x7f"));
    add(&rows[1], SPAN_NONE);
    for (size_t i = 0; i < 2; i++) {
        rows[i].row.issuer = issuer_of((uint8_t)(i + 1));
        rows[i].row.next_update_s = NEXT_UPDATE;
        draft_row_sort(&rows[i]);
    }
    int fd = memfd_create("table", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(draft_write(order, 2, fd), 0);
    draft_row_fini(&rows[0]);
    draft_row_fini(&rows[1]);
    return fd;
}

static struct revocations map_table(void)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    struct revocations table;
    int fd = make_table();
    assert_true(revocations_map(fd, &table, &why));
    assert_int_equal(close(fd), 0);
    return table;
}

static enum revocations_answer find(const struct revocations *table, uint8_t issuer, struct span serial,
                                    int64_t now_s, int64_t grace_s)
{
    const struct issuer which = issuer_of(issuer);
    return revocations_find(table, &which, serial, now_s, grace_s);
}

static void test_what_is_listed_is_found_and_nothing_else(void **state)
{
    (void)state;
    struct revocations table = map_table();
    uint8_t octets[SERIAL_MAX];
    assert_int_equal(table.row_count, 2);
    assert_int_equal(revocations_row_count(&table.rows[0]), SERIALS / 2);
    for (uint32_t i = 1; i <= SERIALS; i++) {
        struct span serial = serial_of(i, octets);
        enum revocations_answer expected = i % 2 == 0 ? REVOCATIONS_LISTED : REVOCATIONS_UNLISTED;
        assert_int_equal(find(&table, 1, serial, 0, 0), expected);
        assert_int_equal(find(&table, 2, serial, 0, 0), REVOCATIONS_UNLISTED);
        assert_int_equal(find(&table, 3, serial, 0, 0), REVOCATIONS_NO_LIST);
    }
    assert_int_equal(find(&table, 2, SPAN("\x7f"), 0, 0), REVOCATIONS_LISTED);
    assert_int_equal(find(&table, 2, SPAN_NONE, 0, 0), REVOCATIONS_LISTED);
    assert_int_equal(find(&table, 1, SPAN_NONE, 0, 0), REVOCATIONS_UNLISTED);
    revocations_unmap(&table);
    assert_int_equal(find(&table, 2, SPAN("\x7f"), 0, 0), REVOCATIONS_NO_LIST);
}

static void test_a_list_is_overdue_after_its_grace(void **state)
{
    (void)state;
    struct revocations table = map_table();
    struct span other = SPAN("\x01\x02");
    assert_int_equal(find(&table, 1, other, NEXT_UPDATE, 0), REVOCATIONS_UNLISTED);
    assert_int_equal(find(&table, 1, other, NEXT_UPDATE + 1, 0), REVOCATIONS_OVERDUE);
    assert_int_equal(find(&table, 1, other, NEXT_UPDATE + 10, 10), REVOCATIONS_UNLISTED);
    assert_int_equal(find(&table, 1, other, NEXT_UPDATE + 11, 10), REVOCATIONS_OVERDUE);
    assert_int_equal(find(&table, 2, SPAN("\x7f"), NEXT_UPDATE + 11, 10), REVOCATIONS_LISTED);
    revocations_unmap(&table);
}

/* --- Tables that nobody should have written ------------------------------------------------------- */

/* A copy that begins at a multiple of eight, as a mapping does. */
static uint8_t *copy_table(size_t *ret_len)
{
    struct revocations table = map_table();
    uint8_t *copy = malloc(table.octets.len);
    assert_non_null(copy);
    memcpy(copy, table.octets.at, table.octets.len);
    *ret_len = table.octets.len;
    revocations_unmap(&table);
    return copy;
}

static void assert_refused(struct span octets)
{
    struct revocations table = {.row_count = 77};
    assert_false(revocations_read(octets, &table));
    assert_int_equal(table.row_count, 77);
}

static void test_a_table_that_is_cut_is_refused(void **state)
{
    (void)state;
    size_t len;
    uint8_t *copy = copy_table(&len);
    for (size_t cut = 0; cut < len; cut++)
        assert_refused(span_make(copy, cut));
    free(copy);
}

static void test_numbers_that_lead_outside_are_refused(void **state)
{
    (void)state;
    size_t len;
    uint8_t *copy = copy_table(&len);
    struct revocations_head *head = (void *)copy;
    struct revocations_row *row = (void *)(copy + sizeof *head);
    const struct revocations_head good_head = *head;
    const struct revocations_row good_row = *row;
    head->magic++;
    assert_refused(span_make(copy, len));
    *head = good_head;
    head->version++;
    assert_refused(span_make(copy, len));
    *head = good_head;
    head->row_count = REVOCATIONS_LISTS_MAX + 1;
    assert_refused(span_make(copy, len));
    *head = good_head;
    row->serials_at = len + 1;
    assert_refused(span_make(copy, len));
    row->serials_at = UINT64_MAX;
    assert_refused(span_make(copy, len));
    *row = good_row;
    for (size_t i = 1; i <= SERIAL_MAX; i++) {
        row->counts[i] = UINT32_MAX;
        assert_refused(span_make(copy, len));
        *row = good_row;
    }
    row->name_size = REVOCATIONS_NAME_MAX + 1;
    assert_refused(span_make(copy, len));
    *row = good_row;
    row->has_number = 2;
    assert_refused(span_make(copy, len));
    free(copy);
}

static void test_a_file_of_no_size_is_not_mapped(void **state)
{
    (void)state;
    auto_strbuf struct strbuf why = STRBUF(256);
    struct revocations table;
    int fd = memfd_create("table", MFD_CLOEXEC);
    assert_false(revocations_map(fd, &table, &why));
    assert_true(why.len > 0);
    assert_int_equal(ftruncate(fd, (off_t)REVOCATIONS_TABLE_MAX + 1), 0);
    assert_false(revocations_map(fd, &table, &why));
    assert_int_equal(close(fd), 0);
}

static void test_a_row_goes_from_table_to_table(void **state)
{
    (void)state;
    struct revocations table = map_table();
    struct draft_row copy = {.row = {.name_size = 0}};
    struct draft_row *const order[] = {&copy};
    assert_true(draft_row_copy(&copy, &table, &table.rows[0]));
    int fd = memfd_create("table", MFD_CLOEXEC);
    assert_int_equal(draft_write(order, 1, fd), 0);
    draft_row_fini(&copy);
    auto_strbuf struct strbuf why = STRBUF(256);
    struct revocations second;
    assert_true(revocations_map(fd, &second, &why));
    assert_int_equal(revocations_row_count(&second.rows[0]), revocations_row_count(&table.rows[0]));
    uint8_t octets[SERIAL_MAX];
    for (uint32_t i = 1; i <= SERIALS; i++) {
        struct span serial = serial_of(i, octets);
        assert_int_equal(find(&second, 1, serial, 0, 0), find(&table, 1, serial, 0, 0));
    }
    revocations_unmap(&second);
    revocations_unmap(&table);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_listed_is_found_and_nothing_else),
        cmocka_unit_test(test_a_list_is_overdue_after_its_grace),
        cmocka_unit_test(test_a_table_that_is_cut_is_refused),
        cmocka_unit_test(test_numbers_that_lead_outside_are_refused),
        cmocka_unit_test(test_a_file_of_no_size_is_not_mapped),
        cmocka_unit_test(test_a_row_goes_from_table_to_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
