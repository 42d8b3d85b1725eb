/* Looks at the lists' times; see list_expiry.h. Called from broker.c and by its own timer. */
#include "broker/list_expiry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static struct span row_name(const struct revocations_row *row)
{
    return span_make(row->name, row->name_size);
}

static void list_log(enum log_level level, const char *event, const struct list_authority *authority,
                     const struct revocations_row *row)
{
    char next_update[CLOCK_TEXT_SIZE];
    struct log_record record;
    clock_format(row->next_update_s, -1, next_update);
    log_begin(&record, level, event);
    log_text(&record, "authority", authority->name);
    log_span(&record, "issuer", row_name(row));
    log_text(&record, "next_update", next_update);
    log_end(&record);
}

/* How things stand with a list; without sums, since its times may be any. */
static enum list_notice list_judge(const struct revocations_row *row, int64_t now_s)
{
    if (now_s > row->next_update_s)
        return LIST_OVERDUE;
    uint64_t left_s = (uint64_t)row->next_update_s - (uint64_t)now_s;
    uint64_t life_s = (uint64_t)row->next_update_s - (uint64_t)row->this_update_s;
    return left_s <= life_s / LIST_EXPIRY_PART ? LIST_EXPIRES : LIST_SILENT;
}

static void list_look_at(struct list_authority *authority, uint32_t number, int64_t now_s)
{
    const struct revocations_row *row = &authority->table.rows[number];
    enum list_notice notice = list_judge(row, now_s);
    if (notice <= authority->notices[number])
        return;
    authority->notices[number] = (uint8_t)notice;
    if (notice == LIST_OVERDUE)
        list_log(LOG_ERROR, "crl_overdue", authority, row);
    else
        list_log(LOG_WARNING, "crl_expires", authority, row);
}

static void list_expiry_look(struct list_expiry *expiry)
{
    int64_t now_s = clock_wall_s();
    for (size_t i = 0; i < LIST_EXPIRY_AUTHORITIES_MAX; i++)
        for (uint32_t j = 0; j < expiry->authorities[i].table.row_count; j++)
            list_look_at(&expiry->authorities[i], j, now_s);
}

static void list_expiry_on_look(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    list_expiry_look(argument);
}

static void list_authority_clear(struct list_authority *authority)
{
    revocations_unmap(&authority->table);
    *authority = (struct list_authority){.is_told = false};
}

/* The place of that name, or a free one; NULL when all are taken. */
static struct list_authority *list_expiry_find(struct list_expiry *expiry, struct span name)
{
    struct list_authority *found = NULL;
    for (size_t i = 0; i < LIST_EXPIRY_AUTHORITIES_MAX; i++) {
        struct list_authority *authority = &expiry->authorities[i];
        if (span_equal(span_of(authority->name), name))
            return authority;
        if (authority->name[0] == '\0' && found == NULL)
            found = authority;
    }
    return found;
}

/* What was said of a list need not be said again because it came once more. */
static void list_authority_replace(struct list_authority *authority, struct revocations *table)
{
    uint8_t notices[REVOCATIONS_LISTS_MAX] = {LIST_SILENT};
    for (uint32_t i = 0; i < table->row_count; i++) {
        const struct revocations_row *former = revocations_row_of(&authority->table, &table->rows[i].issuer);
        if (former != NULL && former->next_update_s == table->rows[i].next_update_s)
            notices[i] = authority->notices[former - authority->table.rows];
    }
    revocations_unmap(&authority->table);
    authority->table = *table;
    memcpy(authority->notices, notices, sizeof notices);
}

void list_expiry_take(struct list_expiry *expiry, const struct message_revocations_table *message)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    struct list_authority *authority = list_expiry_find(expiry, message->client_ca);
    struct revocations table;
    if (authority == NULL || !revocations_map(message->table, &table, &why))
        return; /* the gates, which rest on it, say what is wrong */
    (void)snprintf(authority->name, sizeof authority->name, "%.*s", (int)message->client_ca.len,
                   (const char *)message->client_ca.at);
    authority->is_told = true;
    list_authority_replace(authority, &table);
    list_expiry_look(expiry);
}

void list_expiry_begin(struct list_expiry *expiry)
{
    for (size_t i = 0; i < LIST_EXPIRY_AUTHORITIES_MAX; i++)
        expiry->authorities[i].is_told = false;
}

void list_expiry_commit(struct list_expiry *expiry)
{
    for (size_t i = 0; i < LIST_EXPIRY_AUTHORITIES_MAX; i++)
        if (!expiry->authorities[i].is_told)
            list_authority_clear(&expiry->authorities[i]);
}

int list_expiry_init(struct list_expiry *expiry, struct event_base *loop)
{
    const struct timeval interval = {.tv_sec = LIST_EXPIRY_INTERVAL_S};
    *expiry = (struct list_expiry){.look = event_new(loop, -1, EV_PERSIST, list_expiry_on_look, expiry)};
    return expiry->look == NULL || event_add(expiry->look, &interval) != 0 ? -ENOMEM : 0;
}

void list_expiry_fini(struct list_expiry *expiry)
{
    for (size_t i = 0; i < LIST_EXPIRY_AUTHORITIES_MAX; i++)
        list_authority_clear(&expiry->authorities[i]);
    if (expiry->look != NULL)
        event_free(expiry->look);
    expiry->look = NULL;
}
