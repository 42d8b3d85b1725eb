/* Sockets that others opened; see inherited.h. Filled by main.c, asked by doors.c. */
#include "supervisor/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

enum { FIRST_MANAGED_FD = 3 /* sd_listen_fds(3) */ };

void endpoint_print(const struct endpoint *endpoint, struct strbuf *text)
{
    char ip[IP_TEXT_SIZE];
    ip_format(&endpoint->ip, ip);
    strbuf_format(text, ip_is_v4(&endpoint->ip) ? "%s:%u" : "[%s]:%u", ip, endpoint->port);
}

/* NULL, or what is wrong with it as a listener's socket. */
static const char *socket_examine(int fd, struct endpoint *ret_endpoint)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    static const struct ip any_v6 = {{0}};
    int type = 0;
    int is_listening = 0;
    int only_v6 = 0;
    socklen_t one = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &one) != 0 || type != SOCK_STREAM)
        return "is no TCP socket";
    one = sizeof is_listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &one) != 0 || !is_listening)
        return "does not listen; it needs Accept=no";
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 || address.ss_family == AF_UNIX ||
        !endpoint_from_sockaddr((struct sockaddr *)&address, ret_endpoint))
        return "is bound to no internet address";
    one = sizeof only_v6;
    if (address.ss_family == AF_INET6 && ip_equal(&ret_endpoint->ip, &any_v6) &&
        getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &one) == 0 && only_v6)
        return "takes IPv6 only, but [::] in the configuration means IPv4 too; set BindIPv6Only=both";
    return NULL;
}

bool inherited_add(struct inherited *inherited, int fd, int place, struct strbuf *problem)
{
    auto_close int owned = fd;
    struct inherited_socket added = {.place = place};
    struct inherited_socket *grown =
        reallocarray(inherited->at, inherited->count + 1, sizeof *inherited->at);
    if (grown == NULL) {
        strbuf_append(problem, "out of memory");
        return false;
    }
    inherited->at = grown;
    const char *fault = socket_examine(owned, &added.endpoint);
    if (fault == NULL && inherited_find(inherited, &added.endpoint, place) != NULL)
        fault = "is the second for one address";
    if (fault != NULL) {
        strbuf_format(problem, "socket %d, which was passed at start, %s", owned, fault);
        return false;
    }
    if (fcntl(owned, F_SETFD, FD_CLOEXEC) != 0 || fcntl(owned, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        strbuf_format(problem, "socket %d, which was passed at start, can't be used", owned);
        return false;
    }
    added.fd = take_fd(&owned);
    inherited->at[inherited->count++] = added;
    return true;
}

/* How many sockets were passed to this very process. */
static int manager_count(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    uint64_t value;
    if (pid == NULL || count == NULL || !span_to_u64(span_of(pid), INT32_MAX, &value) ||
        (pid_t)value != getpid() || !span_to_u64(span_of(count), INT32_MAX, &value))
        return 0;
    return (int)value;
}

bool inherited_from_manager(struct inherited *inherited, struct strbuf *problem)
{
    int count = manager_count();
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    if (count > INHERITED_MANAGED_MAX) {
        strbuf_format(problem, "%d sockets were passed at start; at most %d are taken", count,
                      INHERITED_MANAGED_MAX);
        return false;
    }
    for (int i = 0; i < count; i++)
        if (!inherited_add(inherited, FIRST_MANAGED_FD + i, INHERITED_SHARED, problem))
            return false;
    return true;
}

const struct inherited_socket *inherited_find(struct inherited *inherited, const struct endpoint *endpoint,
                                              int place)
{
    for (size_t i = 0; i < inherited->count; i++) {
        struct inherited_socket *one = &inherited->at[i];
        if (one->place == place && one->endpoint.port == endpoint->port &&
            ip_equal(&one->endpoint.ip, &endpoint->ip)) {
            one->is_used = true;
            return one;
        }
    }
    return NULL;
}

bool inherited_has_group(const struct inherited *inherited, uint16_t port)
{
    for (size_t i = 0; i < inherited->count; i++)
        if (inherited->at[i].place != INHERITED_SHARED && inherited->at[i].endpoint.port == port)
            return true;
    return false;
}

const struct inherited_socket *inherited_unused(const struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++)
        if (inherited->at[i].place == INHERITED_SHARED && !inherited->at[i].is_used)
            return &inherited->at[i];
    return NULL;
}

void inherited_unmark(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++)
        inherited->at[i].is_used = false;
}

void inherited_close_groups(struct inherited *inherited)
{
    size_t kept = 0;
    for (size_t i = 0; i < inherited->count; i++) {
        if (inherited->at[i].place == INHERITED_SHARED)
            inherited->at[kept++] = inherited->at[i];
        else
            (void)close(inherited->at[i].fd);
    }
    inherited->count = kept;
}

void inherited_fini(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++)
        (void)close(inherited->at[i].fd);
    free(inherited->at);
    *inherited = (struct inherited){.count = 0};
}
