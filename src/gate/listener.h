/*
 * Bound sockets and what is decided when somebody connects: how many may, and whose address it is
 * (PROXY protocol).
 */
#ifndef POSTERN_GATE_LISTENER_H
#define POSTERN_GATE_LISTENER_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "gate/settings.h"

struct session;

/* Starts to accept. False when the loop refuses. */
bool listener_open(struct listener *listener, struct gate *gate) MUST_USE;

/* Stops accepting and closes the socket; sessions go on. */
void listener_close(struct listener *listener);

/* Reads the PROXY header that this connection must begin with, and goes on when it is whole. */
void listener_take_proxy_header(struct session *session);

/* What the listener's settings say of an address. */
bool listener_is_health_check(const struct listener *listener, const struct ip *ip);
bool listener_is_trusted_client(const struct listener *listener, const struct ip *ip);

/*
 * A webmail server's word on who its client is: from here on the session is that address's, under its
 * limits. False: a limit refuses it, recorded.
 */
bool listener_use_client_address(struct session *session, const struct ip *ip) MUST_USE;

/* Our end of a connected socket. */
void listener_local_endpoint(int fd, struct endpoint *ret_endpoint);

#endif
