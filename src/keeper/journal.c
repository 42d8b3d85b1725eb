/* Gathers and writes what rules did; see journal.h. Called from gate_link.c and at upkeep. */
#include "keeper/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { JOURNAL_MINUTE_S = 60 };

struct journal_entry {
    struct hash_link by_group;
    int64_t at_s;
    uint32_t count;
    struct ip_prefix network;
    uint8_t outcome;
    uint8_t rule_len;
    uint8_t listener_len;
    uint16_t user_len;
    uint8_t rule[64];
    uint8_t listener[64];
    uint8_t user[512];
};

int journal_init(struct journal *journal)
{
    *journal = (struct journal){.pending = calloc(JOURNAL_PENDING_MAX, sizeof(struct journal_entry))};
    if (journal->pending == NULL)
        return -ENOMEM;
    int result = hash_key_draw(&journal->key);
    return result < 0 ? result : hash_table_init(&journal->by_group);
}

void journal_fini(struct journal *journal)
{
    hash_table_fini(&journal->by_group);
    free(journal->pending);
    *journal = (struct journal){.pending = NULL};
}

/* --- Gathering -------------------------------------------------------------------------------- */

static bool entry_is(const struct journal_entry *entry, const struct message_journal_add *add,
                     int64_t at_s)
{
    return entry->at_s / JOURNAL_MINUTE_S == at_s / JOURNAL_MINUTE_S &&
           entry->outcome == add->outcome && entry->network.bits == add->network_bits &&
           memcmp(entry->network.ip.octets, add->network, sizeof add->network) == 0 &&
           span_equal(span_make(entry->rule, entry->rule_len), add->rule) &&
           span_equal(span_make(entry->listener, entry->listener_len), add->listener) &&
           span_equal(span_make(entry->user, entry->user_len), add->user);
}

static void entry_set(struct journal_entry *entry, const struct message_journal_add *add, int64_t at_s)
{
    *entry = (struct journal_entry){.at_s = at_s,
                                    .outcome = add->outcome,
                                    .network.bits = add->network_bits,
                                    .rule_len = (uint8_t)add->rule.len,
                                    .listener_len = (uint8_t)add->listener.len,
                                    .user_len = (uint16_t)add->user.len};
    memcpy(entry->network.ip.octets, add->network, sizeof add->network);
    memcpy(entry->rule, add->rule.at, add->rule.len);
    memcpy(entry->listener, add->listener.at, add->listener.len);
    if (add->user.len > 0)
        memcpy(entry->user, add->user.at, add->user.len);
}

/* Of all that a gate says: one that was taken over shall find no way to long chains. */
static uint64_t hash_group(const struct hash_key *key, const struct message_journal_add *add)
{
    const struct span parts[] = {add->rule, add->listener, add->user,
                                 span_make(add->network, sizeof add->network)};
    uint64_t hash = add->outcome * 256U + add->network_bits;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        hash = hash * 31 + hash_span(key, parts[i]);
    return hash;
}

static bool journal_has_room(const struct journal *journal, const struct message_journal_add *add)
{
    return journal->count < JOURNAL_PENDING_MAX &&
           (add->user.len > 0 || journal->strangers < JOURNAL_STRANGERS_MAX);
}

/* The entry of this group, made when it is new; NULL: no room. */
static struct journal_entry *journal_entry_for(struct journal *journal,
                                               const struct message_journal_add *add, int64_t at_s)
{
    uint64_t hash = hash_group(&journal->key, add);
    struct hash_link *link = hash_table_first(&journal->by_group, hash);
    for (; link != NULL; link = hash_table_next(link)) {
        struct journal_entry *entry = hash_holder(link, struct journal_entry, by_group);
        if (entry_is(entry, add, at_s))
            return entry;
    }
    if (!journal_has_room(journal, add))
        return NULL;
    struct journal_entry *entry = &journal->pending[journal->count++];
    journal->strangers += add->user.len == 0;
    entry_set(entry, add, at_s);
    hash_table_insert(&journal->by_group, &entry->by_group, hash);
    return entry;
}

static void journal_drop(struct journal *journal, uint32_t count)
{
    journal->counted[JOURNAL_DROPPED] += count;
    journal->dropped += count;
}

void journal_note(struct journal *journal, const struct message_journal_add *add, int64_t now_s)
{
    struct journal_entry *entry = NULL;
    int64_t ago_s = add->ago_s < JOURNAL_AGO_MAX_S ? add->ago_s : JOURNAL_AGO_MAX_S;
    bool is_counted = add->outcome > JOURNAL_REFUSED && add->outcome < JOURNAL_OUTCOME_COUNT;
    if (is_counted) {
        journal->counted[add->outcome] += add->count;
        return;
    }
    if (add->outcome < JOURNAL_OUTCOME_COUNT && add->rule.len > 0 && add->listener.len > 0 &&
        add->count > 0 && add->network_bits <= 128)
        entry = journal_entry_for(journal, add, now_s - ago_s);
    if (entry == NULL)
        journal_drop(journal, add->count);
    else if (add->count < JOURNAL_COUNT_MAX - entry->count)
        entry->count += add->count;
    else
        entry->count = JOURNAL_COUNT_MAX;
}

static void journal_forget_pending(struct journal *journal)
{
    for (size_t i = 0; i < journal->count; i++)
        hash_table_remove(&journal->by_group, &journal->pending[i].by_group);
    journal->count = 0;
    journal->strangers = 0;
    memset(journal->counted, 0, sizeof journal->counted);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void log_dropped(uint64_t count, const char *reason)
{
    struct log_record record;
    log_begin(&record, LOG_WARNING, "journal_dropped");
    log_number(&record, "count", (int64_t)count);
    log_text(&record, "reason", reason);
    log_end(&record);
}

static bool write_entry(struct store *store, const struct journal_entry *entry, struct strbuf *reason)
{
    char network[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&entry->network, network);
    struct stored_decision decision = {.at_s = entry->at_s,
                                       .outcome = entry->outcome,
                                       .rule = span_make(entry->rule, entry->rule_len),
                                       .listener = span_make(entry->listener, entry->listener_len),
                                       .user = span_make(entry->user, entry->user_len),
                                       .network = span_of(network),
                                       .count = entry->count};
    return store_add_decision(store, &decision, reason);
}

static bool write_counts(const struct journal *journal, struct store *store, int64_t now_s,
                         struct strbuf *reason)
{
    for (int i = 0; i < JOURNAL_OUTCOME_COUNT; i++)
        if (journal->counted[i] > 0 &&
            !store_add_count(store, now_s - now_s % STORE_COUNT_S, (enum journal_outcome)i,
                             journal->counted[i], reason))
            return false;
    return true;
}

static bool journal_write(const struct journal *journal, struct store *store, int64_t now_s,
                          bool is_aging, struct strbuf *reason)
{
    if (!store_begin_touches(store, reason))
        return false;
    for (size_t i = 0; i < journal->count; i++)
        if (!write_entry(store, &journal->pending[i], reason))
            return false;
    return write_counts(journal, store, now_s, reason) &&
           (!is_aging || store_age_decisions(store, now_s - journal->age_s, reason)) &&
           store_trim_decisions(store, journal->rows_max, reason) && store_end_touches(store, reason);
}

static bool journal_has_counted(const struct journal *journal)
{
    for (int i = 0; i < JOURNAL_OUTCOME_COUNT; i++)
        if (journal->counted[i] > 0)
            return true;
    return false;
}

void journal_flush(struct journal *journal, struct store *store, int64_t now_s)
{
    auto_strbuf struct strbuf reason = STRBUF(STORE_REASON_MAX);
    bool is_aging = now_s - journal->aged_s >= JOURNAL_AGE_EVERY_S || now_s < journal->aged_s;
    if (journal->dropped > 0)
        log_dropped(journal->dropped, "more than memory has room for");
    journal->dropped = 0;
    if (journal->count == 0 && !journal_has_counted(journal) && !is_aging)
        return;
    if (is_aging)
        journal->aged_s = now_s;
    if (!journal_write(journal, store, now_s, is_aging, &reason) && journal->count > 0)
        log_dropped(journal->count, strbuf_text(&reason));
    journal_forget_pending(journal);
}

void journal_discard(struct journal *journal, const char *reason)
{
    if (journal->count > 0)
        log_dropped(journal->count, reason);
    journal_forget_pending(journal);
}
