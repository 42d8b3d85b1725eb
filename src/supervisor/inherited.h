/*
 * Listening sockets that were there before us: from the service manager (LISTEN_FDS, sd_listen_fds(3)),
 * where one socket stands for an address and all gates share it; or from the supervisor whose place
 * this one takes (handover.h), where each gate has its own in a group. An address of the configuration
 * that one of them is bound to is not opened but taken from here.
 */
#ifndef POSTERN_SUPERVISOR_INHERITED_H
#define POSTERN_SUPERVISOR_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "base/strbuf.h"

enum {
    INHERITED_MANAGED_MAX = 256, /* sockets from the service manager */
    INHERITED_SHARED = -1,       /* as place: for all gates */
};

struct inherited_socket {
    int fd;
    int place; /* of the gate in the group, or INHERITED_SHARED */
    struct endpoint endpoint;
    bool is_used; /* by the last configuration that was asked about */
};

struct inherited {
    struct inherited_socket *at;
    size_t count;
};

/*
 * Takes what the service manager passed, if that was meant for this process. False with a sentence in
 * problem for a socket that can't be a listener's.
 */
bool inherited_from_manager(struct inherited *inherited, struct strbuf *problem) MUST_USE;

/* Takes over fd. False with a sentence in problem, fd is closed then. */
bool inherited_add(struct inherited *inherited, int fd, int place, struct strbuf *problem) MUST_USE;

/* The socket for that address; place as in struct inherited_socket. Marks it. NULL: none. */
const struct inherited_socket *inherited_find(struct inherited *inherited, const struct endpoint *endpoint,
                                              int place);

/* True when a group of ours has that port. */
bool inherited_has_group(const struct inherited *inherited, uint16_t port);

/*
 * The service manager's sockets that no listener uses: whoever connects there waits for ever. The
 * first of them, or NULL.
 */
const struct inherited_socket *inherited_unused(const struct inherited *inherited);

/* Before a configuration asks: nothing is used. */
void inherited_unmark(struct inherited *inherited);

/* Closes the sockets of groups: what the configuration wanted has them open by itself. */
void inherited_close_groups(struct inherited *inherited);

void inherited_fini(struct inherited *inherited);

/* "192.0.2.1:993", "[::]:993". */
void endpoint_print(const struct endpoint *endpoint, struct strbuf *text);

#endif
