/*
 * The HTTP service that nginx mail must ask for every login: says yes and names the backend, with
 * no more work than that. It stands for the cheapest one that an operator could write; its CPU
 * time is counted apart from nginx's.
 *
 *     auth_http PORT BACKEND_PORT
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/span.h"
#include "server.h"

enum { REQUEST_MAX = 4096 };

struct request {
    struct event *event;
    size_t len;
    char text[REQUEST_MAX];
};

static char answer[256];
static size_t answer_len;

static void request_end(struct request *request)
{
    (void)close(event_get_fd(request->event));
    event_free(request->event);
    free(request);
}

/* One request a connection, as nginx does it: "Connection: close", no body. */
static void request_on_bytes(evutil_socket_t fd, short what, void *argument)
{
    struct request *request = argument;
    (void)what;
    ssize_t got = recv(fd, request->text + request->len, REQUEST_MAX - request->len, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got > 0) {
        request->len += (size_t)got;
        if (memmem(request->text, request->len, "\r\n\r\n", 4) == NULL)
            return;
        (void)send(fd, answer, answer_len, MSG_NOSIGNAL);
    }
    request_end(request);
}

static void request_begin(struct event_base *loop, int fd)
{
    struct request *request = malloc(sizeof *request);
    if (request != NULL) {
        request->len = 0;
        request->event = event_new(loop, fd, EV_READ | EV_PERSIST, request_on_bytes, request);
        if (request->event != NULL && event_add(request->event, NULL) == 0)
            return;
    }
    free(request);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fputs("usage: auth_http PORT BACKEND_PORT\n", stderr);
        return 64;
    }
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: 127.0.0.1\r\n"
                       "Auth-Port: %u\r\n\r\n", (unsigned)server_port(argv[2]));
    answer_len = (size_t)len;
    return server_run(server_port(argv[1]), request_begin);
}
