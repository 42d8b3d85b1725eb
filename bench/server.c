/* Listening for the stand-in servers; see server.h. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/span.h"
#include "base/stream.h"

enum { SERVER_BACKLOG = 4096, SERVER_ACCEPTS = 64 };

struct server {
    struct event_base *loop;
    server_accepted_fn *accepted;
};

void server_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

uint16_t server_port(const char *text)
{
    uint64_t port;
    if (!span_to_u64(span_of(text), UINT16_MAX, &port) || port == 0) {
        (void)fprintf(stderr, "not a port: %s\n", text);
        exit(64);
    }
    return (uint16_t)port;
}

static void server_on_connection(evutil_socket_t listening, short what, void *argument)
{
    struct server *server = argument;
    (void)what;
    for (int i = 0; i < SERVER_ACCEPTS; i++) {
        int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        socket_set_options(fd, 0);
        server->accepted(server->loop, fd);
    }
}

static void server_on_signal(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    (void)event_base_loopbreak(argument);
}

static int server_listen(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, SERVER_BACKLOG) != 0) {
        (void)fprintf(stderr, "127.0.0.1:%u: %s\n", (unsigned)port, strerror(errno));
        return -1;
    }
    return fd;
}

int server_run(uint16_t port, server_accepted_fn *accepted)
{
    (void)signal(SIGPIPE, SIG_IGN);
    server_raise_descriptors();
    struct server server = {.loop = event_base_new(), .accepted = accepted};
    int fd = server_listen(port);
    if (server.loop == NULL || fd < 0)
        return 1;
    struct event *connection =
        event_new(server.loop, fd, EV_READ | EV_PERSIST, server_on_connection, &server);
    struct event *term = evsignal_new(server.loop, SIGTERM, server_on_signal, server.loop);
    struct event *interrupt = evsignal_new(server.loop, SIGINT, server_on_signal, server.loop);
    if (connection == NULL || term == NULL || interrupt == NULL ||
        event_add(connection, NULL) != 0 || event_add(term, NULL) != 0 ||
        event_add(interrupt, NULL) != 0)
        return 1;
    (void)puts("ready");
    (void)fflush(stdout);
    return event_base_dispatch(server.loop) < 0 ? 1 : 0;
}
