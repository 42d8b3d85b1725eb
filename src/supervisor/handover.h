/*
 * What one supervisor passes to the next, which takes its place in the same process by exec: the
 * listening sockets, the log's pipe, the control socket, and the roles that live. It is text in a memory
 * file, a line for each, since the two may be of different releases:
 *
 *     postern-handover 1
 *     generation N
 *     log INPUT OUTPUT ERROR          descriptors, as in struct relay
 *     control FD
 *     socket FD PLACE                 PLACE: the gate's in its group, or shared
 *     role NAME NUMBER PID FD WORLD UNTIL
 *
 * NUMBER: - where there is one of the role. WORLD: roles of one number belong together; 0 are those that
 * served up to now. UNTIL: monotonic milliseconds at which a gate must have ended; 0: it was not told to.
 * A line of another kind, or another first line, is an error: this release can't take over then.
 */
#ifndef POSTERN_SUPERVISOR_HANDOVER_H
#define POSTERN_SUPERVISOR_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "supervisor/inherited.h"

enum {
    HANDOVER_OCTETS_MAX = 1 << 20,
    HANDOVER_ROLES_MAX = 512,
    HANDOVER_NUMBER_NONE = -1,
};

struct handover_role {
    struct span name; /* into the text */
    int number;
    pid_t pid;
    int fd;
    unsigned world;
    uint64_t until_ms;
};

struct handover_socket {
    int fd;
    int place; /* as in struct inherited_socket */
};

struct handover {
    struct strbuf text;
    uint64_t generation;
    int log_input;
    int log_output;
    int log_error;
    int control;
    struct handover_socket *sockets; /* owned */
    size_t socket_count;
    struct handover_role *roles; /* owned */
    size_t role_count;
};

/* Reads and parses what fd, which stays open, holds. False with a sentence in problem. */
bool handover_read(struct handover *handover, int fd, struct strbuf *problem) MUST_USE;

/* Parses handover->text. */
bool handover_parse(struct handover *handover, struct strbuf *problem) MUST_USE;
void handover_fini(struct handover *handover);

/* Writers of one line each. */
void handover_print_begin(struct strbuf *text, uint64_t generation);
void handover_print_log(struct strbuf *text, int input, int output, int error);
void handover_print_control(struct strbuf *text, int fd);
void handover_print_socket(struct strbuf *text, int fd, int place);
void handover_print_role(struct strbuf *text, const struct handover_role *role);

#endif
