/*
 * The keeper: the process that knows what all gates share. One loop, no threads; everything hangs on
 * struct keeper. The supervisor configures it and hands it the gates' channels and the control socket;
 * gates ask it about logins; people change it through the control socket.
 */
#ifndef POSTERN_KEEPER_KEEPER_H
#define POSTERN_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "channel/channel.h"
#include "keeper/accounts.h"
#include "keeper/control.h"
#include "keeper/devices.h"
#include "keeper/expiry.h"
#include "keeper/gate_link.h"
#include "keeper/journal.h"
#include "keeper/sessions.h"
#include "keeper/setup.h"
#include "keeper/successor.h"

enum {
    KEEPER_UPKEEP_S = 15, /* last use is stored, and what ends is looked for, this often */
};

struct keeper {
    struct event_base *loop;
    struct channel supervisor;
    struct setup setup;
    struct devices devices;
    struct accounts accounts; /* in the store of devices */
    struct expiry expiry;
    struct journal journal;
    struct sessions sessions;
    struct gate_link *gates[SESSIONS_GATES_MAX]; /* NULL: no such gate */
    size_t gate_count;
    struct channel broker; /* fd -1 while there is none */
    struct channel successor; /* to the keeper that has the store now; fd -1: there is none */
    struct control control;
    struct event upkeep;
    struct event finish_timer;
    bool is_finishing;
    bool is_configured;
    bool is_retired; /* the store is handed over: this one only serves the gates that it has */
    bool is_full;          /* of accounts: so that it is logged once */
    bool is_store_failing; /* the last write failed: so that it is logged once */
    uid_t starter;         /* who started this process: may use the control socket */
};

/* Takes the supervisor's channel and starts upkeep. 0 or -errno. */
int keeper_init(struct keeper *keeper, struct event_base *loop, int supervisor_fd,
                uid_t starter) MUST_USE;

/* Stores what is noted and closes everything. */
void keeper_fini(struct keeper *keeper);

/*
 * What is done again and again: warns of certificates that end soon, stores what is noted, closes the
 * sessions of devices that are revoked or expired.
 */
void keeper_upkeep(struct keeper *keeper);

/* Stores what is noted of devices' use. */
void keeper_flush(struct keeper *keeper);

/* Logs when writing to the store begins to fail, with the reason, and when it works again. */
void keeper_note_store(struct keeper *keeper, bool is_written, const char *reason);

/* Logs, once, that a user can't be remembered because there are too many. */
void keeper_note_unremembered(struct keeper *keeper);

/* No more commands; ends the loop when no gate is left, or after within_ms. */
void keeper_finish(struct keeper *keeper, uint32_t within_ms);

/* A gate's channel is closed: what that means for the end of this process. */
void keeper_gate_left(struct keeper *keeper);

#endif
