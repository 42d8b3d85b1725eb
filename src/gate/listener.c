/*
 * Accepts connections; see listener.h. The first stop of a connection: hands over to session.c.
 *
 * At a limit the oldest connection that waits and has no login under way makes room: among those of
 * the same address or prefix, so that nobody can push others out. Is there none, the new one is closed.
 */
#include "gate/listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "gate/gate.h"
#include "gate/session.h"
#include "gate/verdict.h"
#include "protocol/proxy_header.h"

enum {
    LISTENER_BURST = 64,          /* accepted before others get a turn */
    LISTENER_PAUSE_MS = 100,      /* when there are no descriptors or memory */
    LISTENER_AWAIT_MS = 10,       /* when a new broker is awaited */
    LISTENER_KEEPALIVE_S = 600,   /* a dead client is noticed within ten minutes */
};

static bool prefixes_have(const struct ip_prefix *prefixes, size_t count, const struct ip *ip)
{
    for (size_t i = 0; i < count; i++)
        if (ip_prefix_contains(&prefixes[i], ip))
            return true;
    return false;
}

bool listener_is_health_check(const struct listener *listener, const struct ip *ip)
{
    return prefixes_have(listener->health_checks, listener->health_check_count, ip);
}

bool listener_is_trusted_client(const struct listener *listener, const struct ip *ip)
{
    return prefixes_have(listener->trusted_clients, listener->trusted_client_count, ip);
}

static bool listener_trusts(const struct listener *listener, const struct ip *ip)
{
    return prefixes_have(listener->proxy_sources, listener->proxy_source_count, ip);
}

/* Closes the oldest stranger of the list. False when there is none. */
static bool listener_make_room(struct stranger_list *strangers)
{
    struct stranger *oldest = TAILQ_FIRST(strangers);
    if (oldest == NULL)
        return false;
    session_end(oldest->owner, "made room");
    return true;
}

/* Why a connection may not come: in the log, and as the journal calls it. */
struct listener_refusal {
    const char *reason;
    enum rule rule;
};

static const struct listener_refusal many_handshakes = {"too many handshakes from this network",
                                                        RULE_HANDSHAKES};
static const struct listener_refusal many_of_address = {"too many connections from this address",
                                                        RULE_CONNECTIONS_OF_ADDRESS};
static const struct listener_refusal many_of_network = {"too many connections from this network",
                                                        RULE_CONNECTIONS_OF_NETWORK};
static const struct listener_refusal many_in_all = {"too many connections in all", RULE_CONNECTIONS};

/* So many places are connected that no more can be counted: those in all are too many. */
static const struct listener_refusal no_room = {"no room to count it", RULE_CONNECTIONS};

static void listener_log_refusal(const struct listener *listener, const struct ip *ip,
                                 const struct listener_refusal *refusal)
{
    struct log_record record;
    if (!verdict_note_connection(listener, ip, TALLY_CONNECTION_REFUSED, refusal->reason,
                                 rule_name(refusal->rule)))
        return;
    log_begin(&record, LOG_WARNING, "connection_refused");
    log_ip(&record, "address", ip);
    log_text(&record, "listener", listener->name);
    log_text(&record, "reason", refusal->reason);
    log_end(&record);
}

/* Where a connection stands in the counts. */
struct listener_places {
    struct census_place *address;
    struct census_place *prefix;
};

/* Finds the places of this address and sees whether one more may come. Returns why not, or NULL. */
static const struct listener_refusal *listener_admit(const struct listener *listener,
                                                     const struct settings *settings,
                                                     const struct ip *ip,
                                                     struct listener_places *ret_places,
                                                     uint64_t now_ms)
{
    struct gate *gate = listener->gate;
    const struct message_configure_limits *limits = &settings->limits;
    *ret_places = (struct listener_places){NULL, NULL};
    if (listener_is_health_check(listener, ip) || listener_is_trusted_client(listener, ip))
        return NULL;
    struct ip network = ip_masked(ip, limits->prefix_v4_bits, limits->prefix_v6_bits);
    struct census_place *address = census_find(&gate->addresses, ip, now_ms);
    struct census_place *prefix = census_find(&gate->prefixes, &network, now_ms);
    *ret_places = (struct listener_places){address, prefix};
    if (address == NULL || prefix == NULL)
        return &no_room;
    if (!census_take_handshake(prefix, limits->handshakes_per_prefix_per_s, now_ms) &&
        rule_refuses(listener, ip, NULL, RULE_HANDSHAKES))
        return &many_handshakes;
    if (address->connections >= limits->connections_per_address &&
        rule_refuses(listener, ip, NULL, RULE_CONNECTIONS_OF_ADDRESS) &&
        !listener_make_room(&address->strangers))
        return &many_of_address;
    if (prefix->connections >= limits->connections_per_prefix &&
        rule_refuses(listener, ip, NULL, RULE_CONNECTIONS_OF_NETWORK) &&
        !listener_make_room(&prefix->strangers))
        return &many_of_network;
    return NULL;
}

/* The limit on all connections: the setting, or what the descriptors allow. */
static bool listener_has_room(const struct listener *listener, const struct ip *ip)
{
    struct gate *gate = listener->gate;
    bool has_room = gate->connections < gate->connections_max;
    if (has_room && gate->connections >= listener->settings->limits.connections)
        has_room = !rule_refuses(listener, ip, NULL, RULE_CONNECTIONS);
    return has_room || listener_make_room(&gate->strangers);
}

/* Has the kernel drop the connection without a word: no lingering state of it is left. */
static void listener_refuse(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(fd);
}

static void listener_take(struct listener *listener, int fd, const struct endpoint *peer)
{
    struct gate *gate = listener->gate;
    struct settings *settings = listener->settings;
    uint64_t now_ms = clock_monotonic_ms();
    struct listener_places places;
    const struct listener_refusal *refusal = NULL;
    if (listener->proxy_source_count > 0) {
        /* The limits are for the address in the header; the proxy itself has none but the total. */
        places.address = census_find(&gate->addresses, &peer->ip, now_ms);
        places.prefix = census_find(&gate->prefixes, &peer->ip, now_ms);
        if (places.address == NULL || places.prefix == NULL)
            refusal = &no_room;
    } else {
        refusal = listener_admit(listener, settings, &peer->ip, &places, now_ms);
    }
    if (refusal == NULL && !listener_has_room(listener, &peer->ip))
        refusal = &many_in_all;
    if (refusal != NULL) {
        listener_refuse(fd);
        listener_log_refusal(listener, &peer->ip, refusal);
        return;
    }
    (void)session_start(gate, listener, fd, peer, places.address, places.prefix);
}

/* Leaves the rest in the backlog for a moment. */
static void listener_pause(struct listener *listener, int pause_ms)
{
    struct timeval pause = {.tv_usec = pause_ms * 1000};
    (void)event_del(&listener->accept);
    (void)event_add(&listener->resume, &pause);
}

static void listener_log_failure(const struct listener *listener, int error)
{
    struct log_record record;
    log_begin(&record, LOG_ERROR, "accept_failed");
    log_text(&record, "listener", listener->name);
    log_errno(&record, error);
    log_end(&record);
}

static void listener_on_resume(evutil_socket_t fd, short what, void *argument)
{
    struct listener *listener = argument;
    (void)fd;
    (void)what;
    (void)event_add(&listener->accept, NULL);
}

static void listener_on_accept(evutil_socket_t socket, short what, void *argument)
{
    struct listener *listener = argument;
    (void)what;
    if (broker_link_is_awaited(&listener->gate->broker, clock_monotonic_ms())) {
        listener_pause(listener, LISTENER_AWAIT_MS);
        return;
    }
    for (int i = 0; i < LISTENER_BURST && listener->socket >= 0; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        struct endpoint peer;
        int fd = accept4(socket, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                listener_log_failure(listener, errno);
                listener_pause(listener, LISTENER_PAUSE_MS);
            }
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            return;
        }
        if (endpoint_from_sockaddr((struct sockaddr *)&address, &peer))
            listener_take(listener, fd, &peer);
        else
            (void)close(fd);
    }
}

bool listener_open(struct listener *listener, struct gate *gate)
{
    /* Accepted sockets inherit them (tcp(7)): once here, instead of five calls for every connection. */
    socket_set_options(listener->socket, LISTENER_KEEPALIVE_S);
    if (event_assign(&listener->resume, gate->loop, -1, 0, listener_on_resume, listener) != 0 ||
        event_assign(&listener->accept, gate->loop, listener->socket, EV_READ | EV_PERSIST,
                     listener_on_accept, listener) != 0 ||
        event_add(&listener->accept, NULL) != 0)
        return false;
    listener->is_open = true;
    return true;
}

void listener_close(struct listener *listener)
{
    if (listener->is_open) {
        (void)event_del(&listener->accept);
        (void)event_del(&listener->resume);
        listener->is_open = false;
    }
    if (listener->socket >= 0)
        (void)close(listener->socket);
    listener->socket = -1;
}

void listener_local_endpoint(int fd, struct endpoint *ret_endpoint)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    *ret_endpoint = (struct endpoint){.port = 0};
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
        !endpoint_from_sockaddr((struct sockaddr *)&address, ret_endpoint))
        *ret_endpoint = (struct endpoint){.port = 0};
}

/* Counts the session as this address's. False when a limit refuses it, or it is over. */
static bool listener_move(struct session *session, const struct ip *ip)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct listener_places places;
    const struct listener_refusal *refusal =
        listener_admit(session->listener, session->settings, ip, &places, now_ms);
    if (session->phase == SESSION_OVER)
        return false; /* it was itself the oldest that made room */
    if (refusal != NULL) {
        listener_log_refusal(session->listener, ip, refusal);
        return false;
    }
    session_move_census(session, places.address, places.prefix);
    return true;
}

bool listener_use_client_address(struct session *session, const struct ip *ip)
{
    if (!listener_move(session, ip))
        return false;
    session->peer.ip = *ip;
    session->peer.port = 0; /* nobody said */
    return true;
}

/* The header is whole: from here on the client is who it says. */
static void listener_use_proxy_header(struct session *session, const struct proxy_header *header)
{
    if (header->is_local) {
        /* The proxy's own health check: nobody is behind it, so there is nobody to speak to. */
        session_end(session, "proxy health check");
        return;
    }
    if (!listener_move(session, &header->source.ip)) {
        session_end(session, "refused");
        return;
    }
    session->peer = header->source;
    session->local = header->destination;
    session_know_peer(session);
    session_begin_protocol(session);
}

void listener_take_proxy_header(struct session *session)
{
    struct strbuf *have = &session->held;
    if (!listener_trusts(session->listener, &session->peer.ip)) {
        session_end(session, "not a source of PROXY headers");
        return;
    }
    for (;;) {
        struct proxy_header header;
        uint8_t octets[PROXY_HEADER_MAX];
        size_t need = 0;
        size_t got = 0;
        enum proxy_header_result result = proxy_header_parse(strbuf_span(have), &header, &need);
        if (result == PROXY_HEADER_DONE) {
            strbuf_reset(have);
            listener_use_proxy_header(session, &header);
            return;
        }
        if (result == PROXY_HEADER_BAD || need == 0 || need > sizeof octets) {
            session_end(session, "bad PROXY header");
            return;
        }
        switch (stream_read(&session->client, octets, need, &got)) {
        case STREAM_OK:
            strbuf_append_span(have, span_make(octets, got));
            break;
        case STREAM_AGAIN:
            return;
        case STREAM_END:
        case STREAM_FAILED:
            session_end(session, "closed before a PROXY header");
            return;
        }
    }
}
