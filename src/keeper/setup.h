/*
 * What the supervisor says to the keeper: the configuration, from configure_begin to configure_commit,
 * which takes effect as a whole or not at all; new gates; and the end.
 */
#ifndef POSTERN_KEEPER_SETUP_H
#define POSTERN_KEEPER_SETUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "channel/channel.h"

enum {
    SETUP_OPERATORS_MAX = 128,
    SETUP_STATE_MAX = 4096,
    SETUP_NAMES_MAX = 8192,
};

/* One configuration. */
struct setup_configuration {
    uint64_t generation;
    uint32_t sessions_per_user; /* 0: not said yet */
    uint32_t sessions_per_user_and_address;
    uint32_t journal_age_s; /* 0: not said yet */
    uint32_t journal_rows;
    struct strbuf state; /* empty: not said yet */
    struct strbuf default_domain;
    struct strbuf netbios_domains;
    struct strbuf hostname;
    uid_t operators[SETUP_OPERATORS_MAX];
    size_t operator_count;
    int control_fd; /* -1: none, or handed on */
    bool has_bad_operators;
};

struct setup {
    struct setup_configuration current; /* in force; generation 0: none yet */
    struct setup_configuration pending; /* being told */
};

struct keeper;

void setup_init(struct setup *setup);
void setup_fini(struct setup *setup);

/* The callbacks of the supervisor's channel; owner is the keeper. */
void setup_on_message(struct channel *channel, struct message *message, void *owner);
void setup_on_closed(struct channel *channel, enum channel_end end, void *owner);

#endif
