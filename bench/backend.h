/*
 * One connection to the stand-in IMAP backend: its input is cut into commands here
 * (backend_input.c), answered there (backend.c). Written apart from src/protocol, so that the
 * measured reader and the one that measures it do not share their mistakes.
 */
#ifndef POSTERN_BENCH_BACKEND_H
#define POSTERN_BENCH_BACKEND_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/span.h"

enum { BACKEND_COMMAND_MAX = 4096, BACKEND_TAG_MAX = 32 };

struct connection;
typedef void connection_line_fn(struct connection *connection, struct span line);

struct connection {
    struct event *event;
    connection_line_fn *on_line; /* what the next command or continuation means */
    size_t body_left;            /* of the message that is being sent */
    size_t scanned;              /* of input: no line end, or inside a literal, before it */
    size_t input_len;
    bool is_ended;
    char tag[BACKEND_TAG_MAX];
    char *input; /* BACKEND_COMMAND_MAX octets; NULL while there is none */
};

/*
 * Takes what has arrived and calls on_line for each whole command, literals in place, without its
 * line end; stops while a body is being sent. Asks for literals that wait to be asked for.
 */
void connection_take(struct connection *connection);

/* Cuts an astring (atom, quoted or literal, RFC 3501) and the blank after it off *rest. */
struct span astring_cut(struct span *rest);

/* Sends a short reply; a connection that can't take it is ended. */
void connection_reply(struct connection *connection, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
