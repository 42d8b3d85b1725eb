/*
 * The roles of former releases, which the supervisor of this release took over with their channels
 * (upgrade.h). Those that served last go on until the new ones do; then their gates drain (gate/drain.h),
 * and with the last of them their broker and keeper end. They are told only what never changes between
 * releases: "Between two releases" in channel/schema.def. None is ever started again.
 */
#ifndef POSTERN_SUPERVISOR_FORMER_H
#define POSTERN_SUPERVISOR_FORMER_H

#include "base/attributes.h"
#include "supervisor/handover.h"
#include "supervisor/process.h"

enum {
    FORMERS_MAX = 4,
    FORMER_END_CERTIFIED_MS = 5000,
};

/* The roles of one release that belong together. */
struct former {
    struct process keeper;
    struct process broker;
    struct process gates[DOOR_GATES_MAX];
    size_t gate_count;
    bool is_draining;
    bool is_hurried;   /* its sessions can't be closed one by one any more: they end soon */
    uint64_t until_ms; /* monotonic: when its gates must have ended */
};

struct formers {
    struct former *at[FORMERS_MAX]; /* NULL: none */
    struct former *last;            /* which had the store and served up to now; NULL: told and done */
};

/* Takes over what handover lists. False with a sentence in problem. */
bool formers_take(struct supervisor *supervisor, const struct handover *handover,
                  struct strbuf *problem) MUST_USE;
void formers_fini(struct supervisor *supervisor);

bool formers_exist(const struct supervisor *supervisor);

/* Whose process that is; NULL: none of theirs. */
struct process *formers_find(struct supervisor *supervisor, pid_t pid);

/*
 * Has the last one's keeper let go of the store. False when there is none to ask: the new one can be
 * started. Else supervisor_process_handed_over() follows, or the keeper's end.
 */
bool formers_ask_for_store(struct supervisor *supervisor) MUST_USE;

/* Joins their keepers to ours, which is new. */
void formers_join(struct supervisor *supervisor);

/* Ours accept now: those that still do are to stop. */
void formers_drain(struct supervisor *supervisor);

/* The lists of revoked certificates have changed, which theirs don't learn. */
void formers_end_certified(struct supervisor *supervisor);

/* Room for one more? If not, the one that has drained longest is told to end soon. */
bool formers_have_room(struct supervisor *supervisor) MUST_USE;

/* Ends all their gates; their other roles follow. */
void formers_stop(struct supervisor *supervisor, uint32_t within_ms);

/* One of theirs has ended. */
void former_process_ended(struct supervisor *supervisor, struct process *process);

/* A line for each of their processes that lives. first_world: the number of the first of them. */
void formers_print(const struct supervisor *supervisor, struct strbuf *text, unsigned first_world);

/* Calls visit for each of their processes that lives. */
void formers_each(struct supervisor *supervisor,
                  void (*visit)(struct supervisor *supervisor, struct process *process));

#endif
