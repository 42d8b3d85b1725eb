/* Processes of former releases; see former.h. Called by start.c, upgrade.c, stop.c and supervisor.c. */
#include "supervisor/former.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "supervisor/start.h"
#include "supervisor/supervisor.h"

enum { FORMER_GRACE_MS = 5000 /* for a drained gate's last connections */ };

/* --- Whose is it -------------------------------------------------------------------------- */

/* The process at that place of it: its keeper, its broker, its gates; NULL behind the last. */
static struct process *former_at(struct former *former, size_t i)
{
    if (i == 0)
        return &former->keeper;
    if (i == 1)
        return &former->broker;
    return i - 2 < former->gate_count ? &former->gates[i - 2] : NULL;
}

static bool former_lives(const struct former *former, bool only_gates)
{
    bool lives = !only_gates && (process_is_alive(&former->keeper) || process_is_alive(&former->broker));
    for (size_t i = 0; i < former->gate_count; i++)
        lives |= process_is_alive(&former->gates[i]);
    return lives;
}

static struct former *former_of(struct supervisor *supervisor, const struct process *process)
{
    for (size_t i = 0; i < FORMERS_MAX; i++)
        for (size_t j = 0; supervisor->formers.at[i] != NULL; j++) {
            const struct process *one = former_at(supervisor->formers.at[i], j);
            if (one == NULL)
                break;
            if (one == process)
                return supervisor->formers.at[i];
        }
    return NULL;
}

void formers_each(struct supervisor *supervisor,
                  void (*visit)(struct supervisor *supervisor, struct process *process))
{
    for (size_t i = 0; i < FORMERS_MAX; i++) {
        struct process *process;
        for (size_t j = 0; supervisor->formers.at[i] != NULL &&
                           (process = former_at(supervisor->formers.at[i], j)) != NULL;
             j++)
            if (process_is_alive(process))
                visit(supervisor, process);
    }
}

bool formers_exist(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < FORMERS_MAX; i++)
        if (supervisor->formers.at[i] != NULL)
            return true;
    return false;
}

struct process *formers_find(struct supervisor *supervisor, pid_t pid)
{
    for (size_t i = 0; i < FORMERS_MAX; i++) {
        struct process *process;
        for (size_t j = 0; supervisor->formers.at[i] != NULL &&
                           (process = former_at(supervisor->formers.at[i], j)) != NULL;
             j++)
            if (process->pid == pid)
                return process;
    }
    return NULL;
}

/* --- Taking over and passing on ----------------------------------------------------------- */

static struct former *former_new(struct supervisor *supervisor)
{
    struct former *former = calloc(1, sizeof *former);
    if (former != NULL && process_init(&former->keeper, supervisor, &role_kind_keeper, PROCESS_NUMBER_NONE) == 0 &&
        process_init(&former->broker, supervisor, &role_kind_broker, PROCESS_NUMBER_NONE) == 0)
        return former;
    if (former != NULL) {
        process_fini(&former->keeper);
        process_fini(&former->broker);
    }
    free(former);
    return NULL;
}

/* The place for that role's process; NULL when there is no such role or no room. */
static struct process *former_place(struct supervisor *supervisor, struct former *former,
                                    const struct handover_role *role)
{
    if (span_equal(role->name, span_of(role_kind_keeper.executable)))
        return &former->keeper;
    if (span_equal(role->name, span_of(role_kind_broker.executable)))
        return &former->broker;
    if (!span_equal(role->name, span_of(role_kind_gate.executable)) ||
        former->gate_count == DOOR_GATES_MAX)
        return NULL;
    struct process *gate = &former->gates[former->gate_count];
    if (process_init(gate, supervisor, &role_kind_gate, role->number) < 0)
        return NULL;
    former->gate_count++;
    return gate;
}

static bool former_adopt(struct supervisor *supervisor, struct former *former,
                         const struct handover_role *role)
{
    struct process *process = former_place(supervisor, former, role);
    if (process == NULL || process_is_alive(process) || process_adopt(process, role->pid, role->fd) < 0)
        return false;
    if (role->until_ms == 0)
        return true;
    uint64_t now_ms = clock_monotonic_ms();
    former->is_draining = true;
    former->until_ms = role->until_ms;
    process_expect_end(process, (uint32_t)(role->until_ms > now_ms ? role->until_ms - now_ms : 0) +
                                    FORMER_GRACE_MS);
    return true;
}

bool formers_take(struct supervisor *supervisor, const struct handover *handover, struct strbuf *problem)
{
    for (size_t i = 0; i < handover->role_count; i++) {
        const struct handover_role *role = &handover->roles[i];
        struct former **former =
            role->world < FORMERS_MAX ? &supervisor->formers.at[role->world] : NULL;
        if (former != NULL && *former == NULL)
            *former = former_new(supervisor);
        if (former == NULL || *former == NULL || !former_adopt(supervisor, *former, role)) {
            strbuf_append(problem, "the processes that run can't be taken over");
            return false;
        }
    }
    supervisor->formers.last = supervisor->formers.at[0];
    return true;
}

static void former_free(struct former *former)
{
    struct process *process;
    for (size_t i = 0; (process = former_at(former, i)) != NULL; i++)
        process_fini(process);
    free(former);
}

void formers_fini(struct supervisor *supervisor)
{
    for (size_t i = 0; i < FORMERS_MAX; i++)
        if (supervisor->formers.at[i] != NULL)
            former_free(take(&supervisor->formers.at[i]));
    supervisor->formers.last = NULL;
}

void formers_print(const struct supervisor *supervisor, struct strbuf *text, unsigned first_world)
{
    unsigned world = first_world;
    for (size_t i = 0; i < FORMERS_MAX; i++) {
        struct former *former = supervisor->formers.at[i];
        const struct process *process;
        for (size_t j = 0; former != NULL && (process = former_at(former, j)) != NULL; j++)
            process_print_handover(process, text, world,
                                   process->kind == &role_kind_gate ? former->until_ms : 0);
        world += former != NULL;
    }
}

/* --- Their keepers ------------------------------------------------------------------------ */

bool formers_ask_for_store(struct supervisor *supervisor)
{
    struct former *last = supervisor->formers.last;
    struct message message = {.type = MESSAGE_hand_over,
                              .hand_over = {.release = SPAN(POSTERN_VERSION)}};
    if (last == NULL || !process_is_alive(&last->keeper))
        return false;
    process_expect_answer(&last->keeper);
    if (!channel_send(&last->keeper.channel, &message))
        process_kill(&last->keeper);
    return true;
}

void formers_join(struct supervisor *supervisor)
{
    for (size_t i = 0; i < FORMERS_MAX; i++) {
        struct former *former = supervisor->formers.at[i];
        int ends[2];
        if (former == NULL || !channel_is_open(&former->keeper.channel) || channel_pair(ends) < 0)
            continue;
        struct message to_former = {.type = MESSAGE_successor_joined,
                                    .successor_joined = {.channel = ends[0]}};
        struct message to_keeper = {.type = MESSAGE_gate_joined,
                                    .gate_joined = {.gate = (uint32_t)(DOOR_GATES_MAX + i),
                                                    .channel = ends[1],
                                                    .signing = -1}};
        (void)channel_send(&former->keeper.channel, &to_former);
        (void)channel_send(&supervisor->keeper.channel, &to_keeper);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

/* --- Draining ----------------------------------------------------------------------------- */

static void former_tell_gates(struct former *former, const struct message *message)
{
    for (size_t i = 0; i < former->gate_count; i++)
        if (process_is_alive(&former->gates[i]))
            (void)channel_send(&former->gates[i].channel, message);
}

static void former_drain(struct former *former, uint32_t within_ms)
{
    struct message message = {.type = MESSAGE_drain, .drain = {.within_ms = within_ms}};
    former->is_draining = true;
    former->until_ms = clock_monotonic_ms() + within_ms;
    former_tell_gates(former, &message);
    for (size_t i = 0; i < former->gate_count; i++)
        if (process_is_alive(&former->gates[i]))
            process_expect_end(&former->gates[i], within_ms + FORMER_GRACE_MS);
}

/* When the last gate is gone, broker and keeper have nobody to serve. */
static void former_advance(struct former *former)
{
    if (former_lives(former, true))
        return;
    if (process_is_alive(&former->broker) && former->broker.phase != PROCESS_ENDING)
        process_finish(&former->broker, SUPERVISOR_KEEPER_FINISH_MS);
    if (!process_is_alive(&former->broker) && process_is_alive(&former->keeper) &&
        former->keeper.phase != PROCESS_ENDING)
        process_finish(&former->keeper, SUPERVISOR_KEEPER_FINISH_MS);
}

void formers_drain(struct supervisor *supervisor)
{
    for (size_t i = 0; i < FORMERS_MAX; i++) {
        struct former *former = supervisor->formers.at[i];
        if (former == NULL || former->is_draining)
            continue;
        former_drain(former, former->is_hurried ? SUPERVISOR_FINISH_MS
                                                : supervisor->running->config->drain_ms);
        former_advance(former);
    }
    supervisor->formers.last = NULL;
}

void formers_end_certified(struct supervisor *supervisor)
{
    struct message message = {.type = MESSAGE_end_certified,
                              .end_certified = {.within_ms = FORMER_END_CERTIFIED_MS}};
    for (size_t i = 0; i < FORMERS_MAX; i++)
        if (supervisor->formers.at[i] != NULL)
            former_tell_gates(supervisor->formers.at[i], &message);
}

/* The one that must end first, of those that drain. */
static struct former *formers_oldest(const struct supervisor *supervisor)
{
    struct former *oldest = NULL;
    for (size_t i = 0; i < FORMERS_MAX; i++) {
        struct former *former = supervisor->formers.at[i];
        if (former != NULL && former->is_draining &&
            (oldest == NULL || former->until_ms < oldest->until_ms))
            oldest = former;
    }
    return oldest;
}

bool formers_have_room(struct supervisor *supervisor)
{
    size_t count = 0;
    for (size_t i = 0; i < FORMERS_MAX; i++)
        count += supervisor->formers.at[i] != NULL;
    if (count < FORMERS_MAX)
        return true;
    struct former *oldest = formers_oldest(supervisor);
    if (oldest != NULL && oldest->until_ms > clock_monotonic_ms() + SUPERVISOR_FINISH_MS)
        former_drain(oldest, SUPERVISOR_FINISH_MS);
    return false;
}

void formers_stop(struct supervisor *supervisor, uint32_t within_ms)
{
    for (size_t i = 0; i < FORMERS_MAX; i++) {
        struct former *former = supervisor->formers.at[i];
        for (size_t j = 0; former != NULL && j < former->gate_count; j++)
            if (process_is_alive(&former->gates[j]))
                process_finish(&former->gates[j], within_ms);
        if (former != NULL)
            former_advance(former);
    }
}

/* --- Ends --------------------------------------------------------------------------------- */

/* Without its keeper nobody can tell its gates to close the session of a device that was revoked. */
static void former_lost_keeper(struct supervisor *supervisor, struct former *former)
{
    former->is_hurried = true;
    if (former->is_draining)
        former_drain(former, SUPERVISOR_FINISH_MS);
    if (former == supervisor->formers.last && supervisor->phase == SUPERVISOR_STARTING &&
        supervisor->keeper.phase == PROCESS_ABSENT && !evtimer_pending(supervisor->keeper.restart, NULL))
        start_process(supervisor, &supervisor->keeper);
}

static void former_forget(struct supervisor *supervisor, struct former *former)
{
    for (size_t i = 0; i < FORMERS_MAX; i++)
        if (supervisor->formers.at[i] == former)
            supervisor->formers.at[i] = NULL;
    if (supervisor->formers.last == former)
        supervisor->formers.last = NULL;
    former_free(former);
    log_sentence(LOG_INFO, "drained", "all processes of a former release have ended");
}

void former_process_ended(struct supervisor *supervisor, struct process *process)
{
    struct former *former = former_of(supervisor, process);
    if (process == &former->keeper && former_lives(former, true))
        former_lost_keeper(supervisor, former);
    former_advance(former);
    if (!former_lives(former, false))
        former_forget(supervisor, former);
}
