/* Opens, takes over and closes listening sockets; see doors.h. Called by setup.c. */
#include "supervisor/doors.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/invariant.h"
#include "base/log.h"
#include "supervisor/steer.h"

enum { DOOR_BACKLOG = 4096 /* the system's somaxconn may be less, and then counts */ };

static bool endpoint_is_same(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && ip_equal(&a->ip, &b->ip);
}

/* True for [::], which takes IPv4 as well. */
static bool endpoint_is_any_v6(const struct endpoint *endpoint)
{
    static const struct ip any = {{0}};
    return ip_equal(&endpoint->ip, &any);
}

/* A bound socket that does not listen yet. Its descriptor or -errno. */
static int door_bind(const struct endpoint *endpoint, bool shares_port)
{
    struct sockaddr_storage address;
    int on = 1;
    int only_v6 = !endpoint_is_any_v6(endpoint);
    socklen_t size = endpoint_to_sockaddr(endpoint, &address);
    auto_close int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return -errno;
    if (shares_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return -errno;
    if (address.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6) != 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, size) != 0)
        return -errno;
    return take_fd(&fd);
}

static void door_explain(const struct door *door, const struct config *config, int error,
                         struct strbuf *problem)
{
    char text[128];
    strbuf_format(problem, "%s:%d: listener %s: ", config->file, door->listener->line,
                  door->listener->name);
    if (error == EADDRINUSE)
        strbuf_format(problem,
                      "%s is in use by another program; stop that one or bind another port",
                      door->address);
    else if (error == EACCES)
        strbuf_format(problem,
                      "%s can't be bound without privilege; start as root or bind a port "
                      "from 1024 on",
                      door->address);
    else if (error == EADDRNOTAVAIL)
        strbuf_format(problem, "%s is no address of this machine; bind one that is", door->address);
    else if (error == ENOTUNIQ)
        strbuf_format(problem,
                      "%s has more or fewer sockets than there are to be gates; gates can't change in "
                      "an upgrade: restart Postern, or put the former value back",
                      door->address);
    else
        strbuf_format(problem, "%s can't be bound: %s", door->address,
                      strerror_r(error, text, sizeof text));
}

/*
 * Sockets that share a port with others of the same user bind without complaint, even beside those
 * of another Postern. So an address is first bound alone; not, though, when we have that port open.
 */
static int door_probe(const struct door *door, const struct doors *running,
                      const struct inherited *inherited)
{
    for (size_t i = 0; running != NULL && i < running->count; i++)
        if (running->at[i].endpoint.port == door->endpoint.port)
            return 0;
    if (inherited_has_group(inherited, door->endpoint.port))
        return 0;
    int fd = door_bind(&door->endpoint, false);
    if (fd < 0)
        return fd;
    (void)close(fd);
    return 0;
}

/* Who chooses the gate: our program, but behind a proxy the kernel, since all come from there. */
static int door_steer(const struct door *door, const struct config *config, unsigned gates,
                      uint32_t seed)
{
    if (door->is_shared)
        return 0;
    if (gates == 1 || door->listener->proxy_protocol_count > 0)
        return steer_by_kernel(door->sockets[0]);
    return steer_by_client(door->sockets[0], gates, config->limits.prefix_v4_bits,
                           config->limits.prefix_v6_bits, seed);
}

/*
 * The group's order is the order of listen(). The program comes when one socket listens, so that
 * there is no choice before it; not sooner, since the kernel lets no socket that has one listen
 * beside another address on its port.
 */
static int door_listen(struct door *door, const struct config *config, const struct doors *doors)
{
    for (unsigned i = 0; i < doors->gates; i++) {
        if (listen(door->sockets[i], DOOR_BACKLOG) != 0)
            return -errno;
        int result = i == 0 ? door_steer(door, config, doors->gates, doors->seed) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

static int door_open(struct door *door, const struct config *config, const struct doors *doors)
{
    for (unsigned i = 0; i < doors->gates; i++) {
        door->sockets[i] = door_bind(&door->endpoint, true);
        if (door->sockets[i] < 0)
            return door->sockets[i];
    }
    return door_listen(door, config, doors);
}

static const struct door *doors_find(const struct doors *doors, const struct endpoint *endpoint)
{
    for (size_t i = 0; doors != NULL && i < doors->count; i++)
        if (endpoint_is_same(&doors->at[i].endpoint, endpoint))
            return &doors->at[i];
    return NULL;
}

static int door_take_over(struct door *door, const struct door *from, unsigned gates)
{
    door->is_shared = from->is_shared;
    for (unsigned i = 0; i < gates; i++) {
        door->sockets[i] = fcntl(from->sockets[i], F_DUPFD_CLOEXEC, 0);
        if (door->sockets[i] < 0)
            return -errno;
    }
    return 0;
}

/*
 * Takes the inherited sockets for that address, if there are: one for all gates, or one for each. 0, or
 * -ENOTUNIQ when they are not as many as gates.
 */
static int door_inherit(struct door *door, struct inherited *inherited, unsigned gates)
{
    struct door from = {.is_shared = inherited_find(inherited, &door->endpoint, INHERITED_SHARED) != NULL};
    for (unsigned i = 0; i < gates; i++) {
        const struct inherited_socket *one =
            inherited_find(inherited, &door->endpoint, from.is_shared ? INHERITED_SHARED : (int)i);
        if (one == NULL)
            return i == 0 ? 0 : -ENOTUNIQ;
        from.sockets[i] = one->fd;
    }
    if (!from.is_shared && inherited_find(inherited, &door->endpoint, (int)gates) != NULL)
        return -ENOTUNIQ;
    return door_take_over(door, &from, gates);
}

/* Fills in the doors of the configuration, closed. False when memory is out. */
static bool doors_list(struct doors *doors, const struct config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->listener_count; i++)
        count += config->listeners[i].binds.count;
    doors->at = calloc(count == 0 ? 1 : count, sizeof *doors->at);
    doors->count = 0;
    if (doors->at == NULL)
        return false;
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        for (size_t j = 0; j < listener->binds.count; j++) {
            struct door *door = &doors->at[doors->count++];
            *door = (struct door){.listener = listener, .address = listener->binds.at[j]};
            invariant(endpoint_parse(span_of(door->address), &door->endpoint));
            for (unsigned k = 0; k < DOOR_GATES_MAX; k++)
                door->sockets[k] = -1;
        }
    }
    return true;
}

/*
 * What is open already: in running, or inherited. Then what is not, in two rounds: were a door open
 * already, its neighbour's probe could run into it.
 */
enum doors_round { DOORS_TAKE_OVER, DOORS_PROBE, DOORS_OPEN, DOORS_ROUNDS };

static int door_advance(struct door *door, enum doors_round round, const struct config *config,
                        const struct doors *doors, const struct doors *running,
                        struct inherited *inherited)
{
    const struct door *same = doors_find(running, &door->endpoint);
    if (round == DOORS_TAKE_OVER && same != NULL) {
        (void)inherited_find(inherited, &door->endpoint, INHERITED_SHARED); /* it is used still */
        return door_take_over(door, same, doors->gates);
    }
    if (round == DOORS_TAKE_OVER)
        return door_inherit(door, inherited, doors->gates);
    if (door->sockets[0] >= 0)
        return 0;
    return round == DOORS_PROBE ? door_probe(door, running, inherited) : door_open(door, config, doors);
}

static bool doors_open_all(struct doors *doors, const struct config *config,
                           const struct doors *running, struct inherited *inherited,
                           struct strbuf *problem)
{
    for (enum doors_round round = DOORS_TAKE_OVER; round < DOORS_ROUNDS; round++)
        for (size_t i = 0; i < doors->count; i++) {
            int result = door_advance(&doors->at[i], round, config, doors, running, inherited);
            if (result < 0) {
                door_explain(&doors->at[i], config, -result, problem);
                return false;
            }
        }
    return true;
}

bool doors_open(struct doors *doors, const struct config *config, unsigned gates,
                const struct doors *running, struct inherited *inherited, struct strbuf *problem)
{
    *doors = (struct doors){.gates = gates, .seed = running == NULL ? 0 : running->seed};
    invariant(gates > 0 && gates <= DOOR_GATES_MAX);
    if (running == NULL && getrandom(&doors->seed, sizeof doors->seed, 0) < 0) {
        strbuf_append(problem, "no random numbers to be had");
        return false;
    }
    if (!doors_list(doors, config)) {
        strbuf_append(problem, "out of memory");
        return false;
    }
    if (doors_open_all(doors, config, running, inherited, problem))
        return true;
    doors_fini(doors);
    return false;
}

void doors_steer(const struct doors *doors, const struct config *config)
{
    for (size_t i = 0; i < doors->count; i++) {
        int result = door_steer(&doors->at[i], config, doors->gates, doors->seed);
        if (result == 0)
            continue;
        struct log_record record;
        log_begin(&record, LOG_WARNING, "steering_failed");
        log_text(&record, "listener", doors->at[i].listener->name);
        log_errno(&record, -result);
        log_end(&record);
    }
}

void doors_fini(struct doors *doors)
{
    for (size_t i = 0; i < doors->count; i++)
        for (unsigned j = 0; j < doors->gates; j++)
            if (doors->at[i].sockets[j] >= 0)
                (void)close(doors->at[i].sockets[j]);
    free(doors->at);
    *doors = (struct doors){.count = 0};
}
