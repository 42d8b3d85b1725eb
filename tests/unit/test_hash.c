/* Tests of base/hash.h: the reference vectors, and a table against a plain model of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/hash.h"

static void test_siphash_gives_the_reference_values(void **state)
{
    (void)state;
    /* The key and the first vectors of the authors' vectors.h: message 00 01 02 … of that length. */
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {7, 0xab0200f58b01d137},
                   {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}};
    uint8_t message[16];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        assert_true(hash_span(&key, span_make(message, vectors[i].len)) == vectors[i].hash);
}

static void test_keys_differ(void **state)
{
    (void)state;
    struct hash_key a;
    struct hash_key b;
    assert_int_equal(hash_key_draw(&a), 0);
    assert_int_equal(hash_key_draw(&b), 0);
    assert_true(hash_span(&a, SPAN("alice")) != hash_span(&b, SPAN("alice")));
}

struct thing {
    int value;
    struct hash_link link;
};

enum { THINGS = 5000 };

static size_t count_with_hash(const struct hash_table *table, uint64_t hash)
{
    size_t count = 0;
    for (struct hash_link *link = hash_table_first(table, hash); link != NULL;
         link = hash_table_next(link)) {
        assert_true(link->hash == hash);
        count++;
    }
    return count;
}

static void test_a_table_grows_and_forgets(void **state)
{
    (void)state;
    static struct thing things[THINGS];
    struct hash_table table;
    assert_int_equal(hash_table_init(&table), 0);
    for (int i = 0; i < THINGS; i++) {
        things[i].value = i;
        hash_table_insert(&table, &things[i].link, (uint64_t)i * 0x9e3779b97f4a7c15);
    }
    assert_true(table.bucket_count >= THINGS);
    for (int i = 0; i < THINGS; i++) {
        struct thing *found = hash_holder(
            hash_table_first(&table, (uint64_t)i * 0x9e3779b97f4a7c15), struct thing, link);
        assert_ptr_equal(found, &things[i]);
    }
    for (int i = 0; i < THINGS; i += 2)
        hash_table_remove(&table, &things[i].link);
    hash_table_remove(&table, &things[0].link);
    assert_int_equal(table.count, THINGS / 2);
    for (int i = 0; i < THINGS; i++)
        assert_int_equal(count_with_hash(&table, (uint64_t)i * 0x9e3779b97f4a7c15), i % 2);
    hash_table_fini(&table);
}

static void test_equal_hashes_live_together(void **state)
{
    (void)state;
    struct thing things[6];
    struct hash_table table;
    assert_int_equal(hash_table_init(&table), 0);
    for (int i = 0; i < 6; i++)
        hash_table_insert(&table, &things[i].link, i < 4 ? 7 : 7 + table.bucket_count);
    assert_int_equal(count_with_hash(&table, 7), 4);
    hash_table_remove(&table, &things[2].link);
    hash_table_remove(&table, &things[0].link);
    hash_table_remove(&table, &things[3].link);
    assert_int_equal(count_with_hash(&table, 7), 1);
    assert_ptr_equal(hash_table_first(&table, 7), &things[1].link);
    assert_int_equal(count_with_hash(&table, 7 + table.bucket_count), 2);
    hash_table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_gives_the_reference_values),
        cmocka_unit_test(test_keys_differ),
        cmocka_unit_test(test_a_table_grows_and_forgets),
        cmocka_unit_test(test_equal_hashes_live_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
