/* What the two stand-in servers (backend, auth_http) share: a listening socket and their end. */
#ifndef POSTERN_BENCH_SERVER_H
#define POSTERN_BENCH_SERVER_H

#include <event2/event.h>
#include <stdint.h>

typedef void server_accepted_fn(struct event_base *loop, int fd);

/*
 * Listens on 127.0.0.1:port, prints "ready" and serves until SIGTERM or SIGINT. accepted gets each
 * new socket, non-blocking and with TCP_NODELAY, and owns it. Returns the exit status.
 */
int server_run(uint16_t port, server_accepted_fn *accepted);

/* Raises the limit of descriptors to the hard one. */
void server_raise_descriptors(void);

/* Reads a port from text; ends the process with a sentence when it is none. */
uint16_t server_port(const char *text);

#endif
