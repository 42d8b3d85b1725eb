/* The keeper's parts together, its upkeep and its end; see keeper.h. */
#include "keeper/keeper.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"

void keeper_note_store(struct keeper *keeper, bool is_written, const char *reason)
{
    if (is_written && keeper->is_store_failing)
        log_sentence(LOG_INFO, "state_recovered", "changes are stored again");
    else if (!is_written && !keeper->is_store_failing)
        log_sentence(LOG_ERROR, "state_failed", "%s: logins go on, changes are refused", reason);
    keeper->is_store_failing = !is_written;
}

void keeper_note_unremembered(struct keeper *keeper)
{
    if (!keeper->is_full)
        log_sentence(LOG_WARNING, "accounts_full",
                     "more than %d users: later ones are let in and not remembered, so a certificate "
                     "of another authority takes no password away from them",
                     ACCOUNTS_MAX);
    keeper->is_full = true;
}

/* --- Upkeep ----------------------------------------------------------------------------------- */

static void log_expired(const struct device *device, const struct session *session)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "session_expired");
    log_id(&record, "session", session->id);
    log_span(&record, "login", session_login(session));
    log_span(&record, "device", device_name(device));
    log_end(&record);
}

static void keeper_review_device(struct keeper *keeper, const struct device *device)
{
    struct session *session = NULL;
    while ((session = sessions_with_fingerprint(&keeper->sessions, device->fingerprint, session)) !=
           NULL) {
        if (session->is_closing)
            continue;
        if (device->revoked_s == 0)
            log_expired(device, session);
        gate_link_close_session(keeper, session, device->revoked_s != 0 ? "revoked" : "expired");
    }
}

/*
 * Tells the gates to close every session whose device is revoked or expired and that they have not
 * been told to close yet. Revoking does so at once for its own; this catches what came in between,
 * such as sessions that outlived the keeper that revoked.
 */
static void keeper_review(struct keeper *keeper)
{
    int64_t now_s = clock_wall_s();
    for (size_t i = 0; i < keeper->devices.count; i++) {
        const struct device *device = keeper->devices.all[i];
        if (device->revoked_s != 0 || device->not_after_s < now_s)
            keeper_review_device(keeper, device);
    }
}

void keeper_flush(struct keeper *keeper)
{
    auto_strbuf struct strbuf reason = STRBUF(STORE_REASON_MAX);
    bool is_clean = LIST_EMPTY(&keeper->devices.unwritten) && LIST_EMPTY(&keeper->accounts.unwritten);
    if (!keeper->is_configured)
        return;
    if (keeper->is_retired) {
        journal_discard(&keeper->journal, "another keeper has the state");
        return;
    }
    journal_flush(&keeper->journal, keeper->devices.store, clock_wall_s());
    if (is_clean)
        return;
    bool is_written = devices_flush(&keeper->devices, &reason) &&
                      accounts_flush(&keeper->accounts, &reason);
    keeper_note_store(keeper, is_written, strbuf_text(&reason));
}

void keeper_upkeep(struct keeper *keeper)
{
    expiry_warn(&keeper->expiry, &keeper->devices, clock_wall_s());
    keeper_flush(keeper);
    keeper_review(keeper);
}

static void keeper_on_upkeep(evutil_socket_t fd, short what, void *owner)
{
    (void)fd;
    (void)what;
    keeper_upkeep(owner);
}

/* --- The end ---------------------------------------------------------------------------------- */

static void keeper_on_finish_time(evutil_socket_t fd, short what, void *owner)
{
    struct keeper *keeper = owner;
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(keeper->loop);
}

void keeper_gate_left(struct keeper *keeper)
{
    if (keeper->is_finishing && keeper->gate_count == 0)
        (void)event_base_loopbreak(keeper->loop);
}

void keeper_finish(struct keeper *keeper, uint32_t within_ms)
{
    const struct timeval after = {.tv_sec = within_ms / 1000,
                                  .tv_usec = (suseconds_t)(within_ms % 1000) * 1000};
    keeper->is_finishing = true;
    control_stop(&keeper->control);
    (void)event_add(&keeper->finish_timer, &after);
    keeper_gate_left(keeper);
}

/* --- Beginning -------------------------------------------------------------------------------- */

int keeper_init(struct keeper *keeper, struct event_base *loop, int supervisor_fd, uid_t starter)
{
    const struct timeval upkeep = {.tv_sec = KEEPER_UPKEEP_S};
    *keeper = (struct keeper){.loop = loop, .broker.fd = -1, .successor.fd = -1, .starter = starter};
    setup_init(&keeper->setup);
    control_init(&keeper->control, keeper);
    int result = journal_init(&keeper->journal);
    if (result < 0)
        return result;
    result = sessions_init(&keeper->sessions);
    if (result < 0)
        return result;
    (void)evtimer_assign(&keeper->finish_timer, loop, keeper_on_finish_time, keeper);
    if (event_assign(&keeper->upkeep, loop, -1, EV_PERSIST, keeper_on_upkeep, keeper) != 0 ||
        event_add(&keeper->upkeep, &upkeep) != 0)
        return -ENOMEM;
    return channel_init(&keeper->supervisor, loop, supervisor_fd, ROLE_KEEPER, ROLE_SUPERVISOR,
                        setup_on_message, setup_on_closed, keeper);
}

void keeper_fini(struct keeper *keeper)
{
    (void)event_del(&keeper->upkeep);
    (void)event_del(&keeper->finish_timer);
    control_fini(&keeper->control);
    for (uint32_t i = 0; i < SESSIONS_GATES_MAX; i++)
        gate_link_free(keeper->gates[i]);
    keeper_flush(keeper);
    channel_fini(&keeper->successor);
    channel_fini(&keeper->broker);
    channel_fini(&keeper->supervisor);
    setup_fini(&keeper->setup);
    journal_fini(&keeper->journal);
    sessions_fini(&keeper->sessions);
    accounts_close(&keeper->accounts);
    devices_close(&keeper->devices);
}
