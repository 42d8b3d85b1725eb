/*
 * Announces the end of revocation lists: well before, while there is time to ask why the next one does not
 * come, and when a list is overdue. Each once, for each list.
 */
#ifndef POSTERN_BROKER_LIST_EXPIRY_H
#define POSTERN_BROKER_LIST_EXPIRY_H

#include <event2/event.h>
#include <stdint.h>

#include "base/attributes.h"
#include "channel/message.h"
#include "pki/revocations.h"

enum {
    LIST_EXPIRY_AUTHORITIES_MAX = 16, /* as settings.def has it */
    LIST_EXPIRY_NAME_MAX = 64,
    LIST_EXPIRY_INTERVAL_S = 20,
    LIST_EXPIRY_PART = 4, /* said when so many-th part of the list's life is left */
};

/* What has been said of a list. */
enum list_notice { LIST_SILENT, LIST_EXPIRES, LIST_OVERDUE };

struct list_authority {
    char name[LIST_EXPIRY_NAME_MAX + 1]; /* "": this place is free */
    bool is_told;                        /* in the configuration that is being received */
    struct revocations table;
    uint8_t notices[REVOCATIONS_LISTS_MAX]; /* enum list_notice of each row */
};

struct list_expiry {
    struct list_authority authorities[LIST_EXPIRY_AUTHORITIES_MAX];
    struct event *look; /* timer */
};

/* 0 or -errno. */
int list_expiry_init(struct list_expiry *expiry, struct event_base *loop) MUST_USE;
void list_expiry_fini(struct list_expiry *expiry);

/* A configuration begins; those of which it tells no table are forgotten when it ends. */
void list_expiry_begin(struct list_expiry *expiry);
void list_expiry_commit(struct list_expiry *expiry);

/* A table, within a configuration or not. */
void list_expiry_take(struct list_expiry *expiry, const struct message_revocations_table *message);

#endif
