/* Groups what a flood would repeat; see tally.h. Called from verdict.c, listener.c, session.c and a timer. */
#include "gate/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { TALLY_NAME_SIZE = 65, TALLY_USER_SIZE = 513 }; /* the schema's, with their ends */

struct tally_group {
    TAILQ_ENTRY(tally_group) link; /* in unused or by_age */
    struct hash_link by_texts;
    enum tally_record record;
    const char *reason;
    const char *rule;
    struct ip_prefix network;
    uint64_t begun_ms; /* its minute */
    uint64_t last_ms;
    uint32_t unsaid; /* of the minute, not logged */
    uint32_t untold; /* not told to the keeper; 0 where that does not hear of it */
    char listener[TALLY_NAME_SIZE];
    char user[TALLY_USER_SIZE];
};

int tally_init(struct tally *tally, tally_tell_fn *tell, void *owner)
{
    *tally = (struct tally){.tell = tell,
                            .owner = owner,
                            .groups = calloc(TALLY_GROUPS_MAX, sizeof(struct tally_group))};
    TAILQ_INIT(&tally->unused);
    TAILQ_INIT(&tally->by_age);
    if (tally->groups == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < TALLY_GROUPS_MAX; i++)
        TAILQ_INSERT_TAIL(&tally->unused, &tally->groups[i], link);
    int result = hash_key_draw(&tally->key);
    return result < 0 ? result : hash_table_init(&tally->by_texts);
}

void tally_fini(struct tally *tally)
{
    hash_table_fini(&tally->by_texts);
    free(tally->groups);
    *tally = (struct tally){.groups = NULL};
}

static uint32_t add_one(uint32_t count)
{
    return count == UINT32_MAX ? count : count + 1;
}

/* --- Saying ------------------------------------------------------------------------------------ */

static void log_group(struct log_record *record, const struct tally_group *group)
{
    char network[IP_PREFIX_TEXT_SIZE];
    ip_prefix_format(&group->network, network);
    log_text(record, "network", network);
    log_text(record, "listener", group->listener);
    log_number(record, "count", group->unsaid);
}

static void log_would_refuse(const struct tally_group *group)
{
    struct log_record record;
    if (group->user[0] != '\0')
        return; /* each login has its records */
    log_begin(&record, LOG_INFO, "would_refuse");
    log_group(&record, group);
    log_text(&record, "rule", group->reason);
    log_end(&record);
}

static void log_connection_refused(const struct tally_group *group)
{
    struct log_record record;
    log_begin(&record, LOG_WARNING, "connection_refused");
    log_group(&record, group);
    log_text(&record, "reason", group->reason);
    log_end(&record);
}

static void log_connection_ended(const struct tally_group *group)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "connection_ended");
    log_group(&record, group);
    log_text(&record, "reason", group->reason);
    log_end(&record);
}

static void group_say(struct tally_group *group)
{
    static void (*const log_functions[])(const struct tally_group *) = {
        [TALLY_WOULD_REFUSE] = log_would_refuse,
        [TALLY_CONNECTION_REFUSED] = log_connection_refused,
        [TALLY_CONNECTION_ENDED] = log_connection_ended,
        [TALLY_NO_RECORD] = NULL,
    };
    if (group->unsaid > 0 && log_functions[group->record] != NULL)
        log_functions[group->record](group);
    group->unsaid = 0;
}

static void tally_say_drops(struct tally *tally, uint64_t now_ms)
{
    struct log_record record;
    log_begin(&record, LOG_WARNING, "journal_dropped");
    log_number(&record, "count", (int64_t)tally->unsaid_drops);
    log_text(&record, "reason", "more places in a minute than there is room for");
    log_end(&record);
    tally->unsaid_drops = 0;
    tally->said_ms = now_ms;
}

/* --- Telling ----------------------------------------------------------------------------------- */

/* Whether there is nothing of it that the keeper has to hear. */
static bool group_tell(struct tally *tally, struct tally_group *group, uint64_t now_ms)
{
    struct message_journal_add add = {
        .outcome = group->record == TALLY_WOULD_REFUSE ? JOURNAL_WOULD_REFUSE : JOURNAL_REFUSED,
        .rule = span_of(group->rule),
        .listener = span_of(group->listener),
        .user = span_of(group->user),
        .network_bits = group->network.bits,
        .count = group->untold,
        .ago_s = (uint32_t)((now_ms - group->last_ms) / 1000)};
    if (group->untold == 0)
        return true;
    memcpy(add.network, group->network.ip.octets, sizeof add.network);
    if (!tally->tell(tally->owner, &add))
        return false;
    group->untold = 0;
    return true;
}

static void tally_tell_counted(struct tally *tally)
{
    for (int i = 0; i < JOURNAL_OUTCOME_COUNT; i++) {
        uint64_t count = tally->counted[i];
        struct message_journal_add add = {
            .outcome = (uint8_t)i, .count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count};
        if (count > 0 && tally->tell(tally->owner, &add))
            tally->counted[i] -= add.count;
    }
}

/* --- Groups ------------------------------------------------------------------------------------ */

/* untold: how many of them the keeper would have heard of. */
static void tally_drop(struct tally *tally, uint32_t untold)
{
    tally->counted[JOURNAL_DROPPED] += untold;
    tally->unsaid_drops += untold == 0 ? 1 : untold;
}

static void tally_release(struct tally *tally, struct tally_group *group)
{
    tally->strangers -= group->user[0] == '\0';
    hash_table_remove(&tally->by_texts, &group->by_texts);
    TAILQ_REMOVE(&tally->by_age, group, link);
    TAILQ_INSERT_HEAD(&tally->unused, group, link);
}

/*
 * A group for this note; NULL: no room. Where there is none, the oldest goes if it has had its minute and
 * only waits for the keeper.
 */
static struct tally_group *tally_take_unused(struct tally *tally, bool is_stranger, uint64_t now_ms)
{
    struct tally_group *oldest = TAILQ_FIRST(&tally->by_age);
    if (is_stranger && tally->strangers >= TALLY_STRANGERS_MAX)
        while (oldest != NULL && oldest->user[0] != '\0')
            oldest = TAILQ_NEXT(oldest, link);
    else if (!TAILQ_EMPTY(&tally->unused))
        return TAILQ_FIRST(&tally->unused);
    if (oldest == NULL || now_ms - oldest->begun_ms < TALLY_MINUTE_MS)
        return NULL;
    group_say(oldest);
    if (!group_tell(tally, oldest, now_ms))
        tally_drop(tally, oldest->untold);
    tally_release(tally, oldest);
    return oldest;
}

static bool group_is(const struct tally_group *group, const struct tally_note *note, const char *user)
{
    return group->record == note->record && group->reason == note->reason &&
           group->network.bits == note->network.bits &&
           ip_equal(&group->network.ip, &note->network.ip) &&
           strcmp(group->listener, note->listener) == 0 && strcmp(group->user, user) == 0;
}

static struct tally_group *tally_find(const struct tally *tally, const struct tally_note *note,
                                      const char *user, uint64_t hash)
{
    struct hash_link *link = hash_table_first(&tally->by_texts, hash);
    for (; link != NULL; link = hash_table_next(link)) {
        struct tally_group *group = hash_holder(link, struct tally_group, by_texts);
        if (group_is(group, note, user))
            return group;
    }
    return NULL;
}

static void copy_text(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);
    memcpy(to, from, len);
    to[len] = '\0';
}

/* Fills an unused group and puts it in order. */
static void tally_begin(struct tally *tally, struct tally_group *group, const struct tally_note *note,
                        const char *user, uint64_t hash)
{
    group->record = note->record;
    group->reason = note->reason;
    group->rule = note->rule;
    group->network = note->network;
    group->unsaid = 0;
    group->untold = 0;
    copy_text(group->listener, sizeof group->listener, note->listener);
    copy_text(group->user, sizeof group->user, user);
    tally->strangers += *user == '\0';
    TAILQ_REMOVE(&tally->unused, group, link);
    TAILQ_INSERT_TAIL(&tally->by_age, group, link);
    hash_table_insert(&tally->by_texts, &group->by_texts, hash);
}

static uint64_t hash_note(const struct hash_key *key, const struct tally_note *note, const char *user)
{
    const struct span parts[] = {
        span_of(note->reason), span_of(note->listener), span_of(user),
        span_make(note->network.ip.octets, sizeof note->network.ip.octets)};
    uint64_t hash = note->record;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        hash = hash * 31 + hash_span(key, parts[i]);
    return hash;
}

/* A minute of the group begins: its first one is logged by the caller. */
static bool tally_begin_minute(struct tally *tally, struct tally_group *group, uint64_t now_ms)
{
    group->begun_ms = now_ms;
    TAILQ_REMOVE(&tally->by_age, group, link);
    TAILQ_INSERT_TAIL(&tally->by_age, group, link);
    (void)group_tell(tally, group, now_ms);
    return true;
}

bool tally_add(struct tally *tally, const struct tally_note *note, uint64_t now_ms)
{
    const char *user = note->user == NULL ? "" : note->user;
    uint64_t hash = hash_note(&tally->key, note, user);
    struct tally_group *group = tally_find(tally, note, user, hash);
    bool is_new = group == NULL;
    if (is_new && (group = tally_take_unused(tally, *user == '\0', now_ms)) == NULL) {
        tally_drop(tally, note->rule != NULL);
        return false;
    }
    if (is_new)
        tally_begin(tally, group, note, user, hash);
    group->last_ms = now_ms;
    group->untold = note->rule == NULL ? 0 : add_one(group->untold);
    if (!is_new && now_ms - group->begun_ms < TALLY_MINUTE_MS) {
        group->unsaid = add_one(group->unsaid);
        return false;
    }
    group_say(group);
    return tally_begin_minute(tally, group, now_ms);
}

void tally_add_login(struct tally *tally, bool is_observed)
{
    tally->counted[is_observed ? JOURNAL_LOGIN_OBSERVED : JOURNAL_LOGIN]++;
}

void tally_sweep(struct tally *tally, uint64_t now_ms, bool is_last)
{
    struct tally_group *next;
    for (struct tally_group *group = TAILQ_FIRST(&tally->by_age); group != NULL; group = next) {
        next = TAILQ_NEXT(group, link);
        if (!is_last && now_ms - group->begun_ms < TALLY_MINUTE_MS)
            break;
        group_say(group);
        if (group_tell(tally, group, now_ms))
            tally_release(tally, group);
    }
    tally_tell_counted(tally);
    if (tally->unsaid_drops > 0 && (is_last || now_ms - tally->said_ms >= TALLY_MINUTE_MS))
        tally_say_drops(tally, now_ms);
}
