/* Moves octets between a logged-in client and its backend; see relay.h. The end of a connection's way. */
#include "gate/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container_of.h"
#include "base/invariant.h"
#include "base/log.h"
#include "gate/admission.h"
#include "gate/gate.h"

enum {
    RELAY_TURN_OCTETS = 4 * GATE_SCRATCH_SIZE, /* moved in one direction before others get a turn */
    RELAY_SWEEP_MS = 1000,
    RELAY_CHECK_MS = 30000,       /* how often the certificates of live sessions are looked at again */
    RELAY_HALF_CLOSED_MS = 30000, /* time for the other side once one has closed its direction */
};

static const char *const relay_reasons[] = {
    [RELAY_CLIENT_CLOSED] = "client closed",
    [RELAY_BACKEND_CLOSED] = "backend closed",
    [RELAY_CLIENT_FAILED] = "client connection failed",
    [RELAY_BACKEND_FAILED] = "backend connection failed",
    [RELAY_IDLE] = "idle",
    [RELAY_KICKED] = "kicked",
    [RELAY_REVOKED] = "revoked",
    [RELAY_EXPIRED] = "certificate expired",
    [RELAY_LIMIT] = "too many sessions",
    [RELAY_REFUSED_COMMAND] = "refused command",
    [RELAY_STOPPING] = "stopping",
    [RELAY_DRAINED] = "drained",
    [RELAY_NO_MEMORY] = "out of memory",
};

enum relay_end_reason relay_end_of(struct span reason)
{
    if (span_equal(reason, SPAN("revoked")))
        return RELAY_REVOKED;
    if (span_equal(reason, SPAN("limit")))
        return RELAY_LIMIT;
    return span_equal(reason, SPAN("expired")) ? RELAY_EXPIRED : RELAY_KICKED;
}

static void relay_bury(struct grave *grave)
{
    struct relay *relay = container_of(grave, struct relay, grave);
    settings_unref(relay->settings);
    admission_free(relay->admission);
    free(relay->client.pending);
    free(relay->backend.pending);
    free(relay);
}

static void relay_log_end(const struct relay *relay, enum relay_end_reason reason)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "session_ended");
    admission_log(relay->admission, &record);
    log_text(&record, "reason", relay_reasons[reason]);
    if (reason == RELAY_CLIENT_FAILED)
        log_text(&record, "error", stream_failure(&relay->client.stream));
    if (reason == RELAY_BACKEND_FAILED)
        log_text(&record, "error", stream_failure(&relay->backend.stream));
    log_number(&record, "seconds", clock_wall_s() - relay->admission->started_s);
    log_number(&record, "octets_in", (int64_t)relay->client.received);
    log_number(&record, "octets_out", (int64_t)relay->backend.received);
    log_end(&record);
}

void relay_end(struct relay *relay, enum relay_end_reason reason)
{
    struct gate *gate = relay->gate;
    if (relay->is_over)
        return;
    relay->is_over = true;
    relay_log_end(relay, reason);
    keeper_link_tell(gate, MESSAGE_session_ended, relay->admission->id);
    stream_fini(&relay->client.stream);
    stream_fini(&relay->backend.stream);
    TAILQ_REMOVE(&gate->relays.list, relay, link);
    registry_remove(&gate->registry, &relay->registered);
    reaper_add(&gate->reaper, &relay->grave, relay_bury);
    gate_connection_ended(gate);
}

static void relay_touch(struct relay *relay)
{
    struct relays *relays = &relay->gate->relays;
    relay->active_ms = clock_monotonic_ms();
    if (TAILQ_NEXT(relay, link) == NULL)
        return;
    TAILQ_REMOVE(&relays->list, relay, link);
    TAILQ_INSERT_TAIL(&relays->list, relay, link);
}

/*
 * True when these octets of the client may go on to the backend. Compressed commands can't be watched:
 * where there is one to watch for, COMPRESS ends the session as well.
 */
static bool relay_guard(struct relay *relay, struct span octets)
{
    return !relay->is_guarded || imap_guard_watch(&relay->guard, octets) == IMAP_GUARD_PASS;
}

/* Keeps what a side could not take. */
static bool relay_keep(struct relay_side *to, struct span rest)
{
    to->pending = malloc(rest.len);
    if (to->pending == NULL)
        return false;
    memcpy(to->pending, rest.at, rest.len);
    to->pending_at = 0;
    to->pending_len = (uint32_t)rest.len;
    return true;
}

/* Writes as much of *octets as goes; *octets becomes the rest. */
static enum stream_result relay_write(struct relay_side *to, struct span *octets)
{
    while (octets->len > 0) {
        size_t sent = 0;
        enum stream_result result = stream_write(&to->stream, *octets, &sent);
        if (result != STREAM_OK)
            return result;
        *octets = span_from(*octets, sent);
    }
    return STREAM_OK;
}

/* Writes what was kept. STREAM_OK when nothing is left. */
static enum stream_result relay_flush(struct relay_side *to)
{
    if (to->pending == NULL)
        return STREAM_OK;
    struct span rest = span_make(to->pending + to->pending_at, to->pending_len - to->pending_at);
    enum stream_result result = relay_write(to, &rest);
    to->pending_at = to->pending_len - (uint32_t)rest.len;
    if (rest.len == 0) {
        free(to->pending);
        to->pending = NULL;
    }
    return result;
}

/* How one turn of one direction went. */
enum relay_turn {
    RELAY_TURN_WAIT_READ,  /* nothing to read */
    RELAY_TURN_WAIT_WRITE, /* the other side is full */
    RELAY_TURN_YIELD,      /* there is more, but others come first */
    RELAY_TURN_END,        /* the side that was read has closed; all it sent is written */
    RELAY_TURN_OVER,       /* the relay has ended */
};

static enum relay_turn relay_fail(struct relay *relay, const struct relay_side *side)
{
    relay_end(relay, side == &relay->client ? RELAY_CLIENT_FAILED : RELAY_BACKEND_FAILED);
    return RELAY_TURN_OVER;
}

/* Reads from one side and writes to the other until one of them has to wait. */
static enum relay_turn relay_move(struct relay *relay, struct relay_side *from, struct relay_side *to)
{
    struct gate *gate = relay->gate;
    size_t moved = 0;
    enum stream_result result = relay_flush(to);
    while (result == STREAM_OK && moved < RELAY_TURN_OCTETS) {
        size_t got = 0;
        enum stream_result read = stream_read(&from->stream, gate->scratch, GATE_SCRATCH_SIZE, &got);
        if (read == STREAM_AGAIN || read == STREAM_END)
            return read == STREAM_END ? RELAY_TURN_END : RELAY_TURN_WAIT_READ;
        if (read == STREAM_FAILED)
            return relay_fail(relay, from);
        struct span octets = span_make(gate->scratch, got);
        from->received += got;
        moved += got;
        if (from == &relay->client && !relay_guard(relay, octets)) {
            relay_end(relay, RELAY_REFUSED_COMMAND);
            return RELAY_TURN_OVER;
        }
        result = relay_write(to, &octets);
        if (result == STREAM_AGAIN && !relay_keep(to, octets)) {
            relay_end(relay, RELAY_NO_MEMORY);
            return RELAY_TURN_OVER;
        }
    }
    if (result == STREAM_AGAIN)
        return RELAY_TURN_WAIT_WRITE;
    return result == STREAM_OK ? RELAY_TURN_YIELD : relay_fail(relay, to);
}

/*
 * One direction: moves, notes an end, and adds to what each side waits for. It is due when something
 * happened to its source, or its destination was full; else there is nothing to find there.
 */
static bool relay_direction(struct relay *relay, struct relay_side *from, struct relay_side *to,
                            bool is_due)
{
    if (from->has_ended) /* and all that it sent is written: see RELAY_TURN_END */
        return true;
    switch (is_due ? relay_move(relay, from, to) : RELAY_TURN_WAIT_READ) {
    case RELAY_TURN_OVER:
        return false;
    case RELAY_TURN_WAIT_READ:
    case RELAY_TURN_YIELD:
        from->wanted |= STREAM_READ;
        break;
    case RELAY_TURN_WAIT_WRITE:
        to->wanted |= STREAM_WRITE;
        break;
    case RELAY_TURN_END:
        from->has_ended = true;
        stream_shutdown_write(&to->stream);
        break;
    }
    return true;
}

/* happened: the stream that the loop speaks of; NULL: look at both. */
static void relay_run(struct relay *relay, const struct stream *happened)
{
    struct relay_side *client = &relay->client;
    struct relay_side *backend = &relay->backend;
    bool client_is_due = happened != &backend->stream || backend->pending != NULL;
    bool backend_is_due = happened != &client->stream || client->pending != NULL;
    client->wanted = 0;
    backend->wanted = 0;
    if (!relay_direction(relay, client, backend, client_is_due) ||
        !relay_direction(relay, backend, client, backend_is_due))
        return;
    if (backend->has_ended && client->pending == NULL) {
        relay_end(relay, client->has_ended ? RELAY_CLIENT_CLOSED : RELAY_BACKEND_CLOSED);
        return;
    }
    stream_want(&client->stream, client->wanted);
    stream_want(&backend->stream, backend->wanted);
}

static void relay_on_ready(struct stream *stream, void *owner)
{
    struct relay *relay = owner;
    if (relay->is_over)
        return;
    relay_touch(relay);
    relay_run(relay, stream);
}

/* Ends what was idle too long; the list is in order of activity, so it stops at the first young one. */
static void relays_on_sweep(evutil_socket_t fd, short what, void *argument)
{
    struct gate *gate = argument;
    uint64_t now_ms = clock_monotonic_ms();
    struct relay *next;
    (void)fd;
    (void)what;
    for (struct relay *relay = TAILQ_FIRST(&gate->relays.list); relay != NULL; relay = next) {
        uint64_t idle_ms = now_ms - relay->active_ms;
        uint64_t idle_limit_ms = relay->settings->limits.idle_ms;
        next = TAILQ_NEXT(relay, link);
        if (idle_ms < RELAY_HALF_CLOSED_MS && idle_ms < idle_limit_ms)
            break;
        if (relay->client.has_ended && idle_ms >= RELAY_HALF_CLOSED_MS)
            relay_end(relay, RELAY_CLIENT_CLOSED);
        else if (idle_ms >= idle_limit_ms)
            relay_end(relay, RELAY_IDLE);
    }
    if (now_ms - gate->relays.checked_ms >= RELAY_CHECK_MS)
        relays_check_certificates(&gate->relays, gate->settings);
}

void relays_check_certificates(struct relays *relays, const struct settings *settings)
{
    int64_t now_s = clock_wall_s();
    struct relay *next;
    relays->checked_ms = clock_monotonic_ms();
    for (struct relay *relay = TAILQ_FIRST(&relays->list); relay != NULL; relay = next) {
        next = TAILQ_NEXT(relay, link);
        enum certificate_refusal refusal = admission_check(relay->admission, settings, now_s);
        if (refusal != CERTIFICATE_OK)
            relay_end(relay, refusal == CERTIFICATE_EXPIRED ? RELAY_EXPIRED : RELAY_REVOKED);
    }
}

void relays_init(struct relays *relays, struct gate *gate)
{
    struct timeval every = {.tv_sec = RELAY_SWEEP_MS / 1000};
    TAILQ_INIT(&relays->list);
    invariant(event_assign(&relays->sweep, gate->loop, -1, EV_PERSIST, relays_on_sweep, gate) == 0);
    invariant(event_add(&relays->sweep, &every) == 0);
}

void relays_end_all(struct relays *relays)
{
    struct relay *relay;
    while ((relay = TAILQ_FIRST(&relays->list)) != NULL)
        relay_end(relay, RELAY_STOPPING);
}

void relays_fini(struct relays *relays)
{
    relays_end_all(relays);
    (void)event_del(&relays->sweep);
}

bool relay_start(struct gate *gate, const struct relay_start *start)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return false;
    if ((start->to_client.len > 0 && !relay_keep(&relay->client, start->to_client)) ||
        (start->to_backend.len > 0 && !relay_keep(&relay->backend, start->to_backend))) {
        free(relay->client.pending);
        free(relay);
        return false;
    }
    relay->gate = gate;
    relay->settings = settings_ref(start->settings);
    relay->admission = start->admission;
    relay->is_guarded = start->is_guarded;
    imap_guard_init(&relay->guard, false);
    stream_move(&relay->client.stream, start->client, relay_on_ready, relay);
    stream_move(&relay->backend.stream, start->backend, relay_on_ready, relay);
    relay->client.received = start->to_backend.len;
    relay->backend.received = start->to_client.len;
    TAILQ_INSERT_TAIL(&gate->relays.list, relay, link);
    relay_touch(relay);
    registry_add(&gate->registry, &relay->registered, relay->admission->id, REGISTERED_RELAY);
    if (start->to_backend.len > 0 && !relay_guard(relay, start->to_backend))
        relay_end(relay, RELAY_REFUSED_COMMAND);
    else
        relay_run(relay, NULL);
    return true;
}
