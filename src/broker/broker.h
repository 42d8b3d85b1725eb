/*
 * The broker: the process that holds what a gate must not, even when it was taken over. One loop, no
 * threads; everything hangs on struct broker. The supervisor configures it and hands it the channels
 * of the gates and the keeper. It has no client socket, connects to backends alone, and believes of a
 * gate only what the schema lets a gate say.
 */
#ifndef POSTERN_BROKER_BROKER_H
#define POSTERN_BROKER_BROKER_H

#include <event2/event.h>
#include <stdint.h>

#include "base/attributes.h"
#include "backend/health.h"
#include "base/reaper.h"
#include "base/strbuf.h"
#include "broker/gate_link.h"
#include "broker/impersonate.h"
#include "broker/keeper_link.h"
#include "broker/keys.h"
#include "broker/list_expiry.h"
#include "broker/scram.h"
#include "broker/settings.h"
#include "broker/ticket_keys.h"
#include "channel/channel.h"

enum { BROKER_GATES_MAX = 64, BROKER_PROBLEM_MAX = 1024 };

struct broker {
    struct event_base *loop;
    struct channel supervisor;
    struct keeper_link keeper;
    struct ticket_keys ticket_keys;
    struct list_expiry list_expiry;
    struct gate_link *gates[BROKER_GATES_MAX]; /* NULL: no such gate */
    struct keys keys;    /* in force */
    struct keys former;  /* of the configuration before */
    struct keys pending; /* being received */
    struct settings *settings; /* in force; NULL before the first commit */
    struct settings *pending_settings;
    struct health health;      /* of the backends */
    struct reaper reaper;
    struct scram_queue derivations;
    struct master_login_list asked; /* logins of all gates that wait for the keeper, in its order */
    uint64_t questions;             /* asked of the keeper so far */
    uint64_t draft;                 /* the generation being received; 0: none */
    struct strbuf problem;                     /* the first thing that was wrong with it */
};

/* Takes the supervisor's channel. 0 or -errno. */
int broker_init(struct broker *broker, struct event_base *loop, int supervisor_fd) MUST_USE;
void broker_fini(struct broker *broker);

#endif
