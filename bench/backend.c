/*
 * The IMAP server behind every measured proxy: the same cheap one for all. Checks the password,
 * keeps idle sessions, and answers FETCH with a synthetic message.
 *
 *     backend PORT PASSWORD MESSAGE_BYTES
 *
 * Prints "ready" once it listens; ends at SIGTERM.
 */
#include "backend.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/strbuf.h"
#include "server.h"

#define CAPABILITIES "IMAP4rev1 SASL-IR LITERAL+ ID IDLE AUTH=PLAIN"

enum { CHUNK_SIZE = 256 * 1024, SASL_MAX = 1024 };

static struct span password;
static size_t message_bytes;
static char chunk[CHUNK_SIZE];

void connection_reply(struct connection *connection, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (send(event_get_fd(connection->event), text, (size_t)len, MSG_NOSIGNAL) != len)
        connection->is_ended = true;
}

static void connection_on_command(struct connection *connection, struct span line);

static void login_answer(struct connection *connection, struct span given)
{
    connection->on_line = connection_on_command;
    if (span_equal(given, password))
        connection_reply(connection, "%s OK [CAPABILITY " CAPABILITIES "] in\r\n", connection->tag);
    else
        connection_reply(connection, "%s NO [AUTHENTICATIONFAILED] no\r\n", connection->tag);
}

static void command_capability(struct connection *connection, struct span arguments)
{
    (void)arguments;
    connection_reply(connection, "* CAPABILITY " CAPABILITIES "\r\n%s OK done\r\n",
                     connection->tag);
}

static void command_id(struct connection *connection, struct span arguments)
{
    (void)arguments;
    connection_reply(connection, "* ID NIL\r\n%s OK done\r\n", connection->tag);
}

static void command_noop(struct connection *connection, struct span arguments)
{
    (void)arguments;
    connection_reply(connection, "%s OK done\r\n", connection->tag);
}

static void command_login(struct connection *connection, struct span arguments)
{
    (void)astring_cut(&arguments);
    login_answer(connection, astring_cut(&arguments));
}

/* PLAIN (RFC 4616): authzid NUL authcid NUL password. */
static void connection_on_plain(struct connection *connection, struct span line)
{
    auto_strbuf struct strbuf response = STRBUF(SASL_MAX);
    struct span rest = SPAN_NONE;
    if (base64_decode(line, &response))
        rest = strbuf_span(&response);
    (void)span_cut(&rest, '\0');
    (void)span_cut(&rest, '\0');
    login_answer(connection, rest);
}

static void command_authenticate(struct connection *connection, struct span arguments)
{
    (void)span_cut(&arguments, ' '); /* PLAIN is what is offered */
    if (arguments.len > 0) {
        connection_on_plain(connection, arguments);
        return;
    }
    connection->on_line = connection_on_plain;
    connection_reply(connection, "+ \r\n");
}

static void connection_on_done(struct connection *connection, struct span line)
{
    (void)line;
    connection->on_line = connection_on_command;
    connection_reply(connection, "%s OK done\r\n", connection->tag);
}

static void command_idle(struct connection *connection, struct span arguments)
{
    (void)arguments;
    connection->on_line = connection_on_done;
    connection_reply(connection, "+ idling\r\n");
}

static void command_logout(struct connection *connection, struct span arguments)
{
    (void)arguments;
    connection_reply(connection, "* BYE bye\r\n%s OK done\r\n", connection->tag);
    connection->is_ended = true;
}

static void connection_wait(struct connection *connection, short what);

static void command_fetch(struct connection *connection, struct span arguments)
{
    (void)arguments;
    connection_reply(connection, "* 1 FETCH (BODY[] {%zu}\r\n", message_bytes);
    connection->body_left = message_bytes;
    connection_wait(connection, EV_WRITE);
}

static const struct {
    struct span name;
    void (*answer)(struct connection *connection, struct span arguments);
} commands[] = {
    {{(const uint8_t *)"CAPABILITY", 10}, command_capability},
    {{(const uint8_t *)"ID", 2}, command_id},
    {{(const uint8_t *)"NOOP", 4}, command_noop},
    {{(const uint8_t *)"LOGIN", 5}, command_login},
    {{(const uint8_t *)"AUTHENTICATE", 12}, command_authenticate},
    {{(const uint8_t *)"IDLE", 4}, command_idle},
    {{(const uint8_t *)"FETCH", 5}, command_fetch},
    {{(const uint8_t *)"LOGOUT", 6}, command_logout},
};

static void connection_on_command(struct connection *connection, struct span line)
{
    struct span tag = span_cut(&line, ' ');
    struct span name = span_cut(&line, ' ');
    (void)snprintf(connection->tag, sizeof connection->tag, "%.*s", (int)tag.len,
                   (const char *)tag.at);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (span_equal_nocase(name, commands[i].name)) {
            commands[i].answer(connection, line);
            return;
        }
    }
    connection_reply(connection, "%s BAD unknown\r\n", connection->tag);
}

static void connection_send_body(struct connection *connection)
{
    while (connection->body_left > 0) {
        size_t len = connection->body_left < CHUNK_SIZE ? connection->body_left : CHUNK_SIZE;
        ssize_t sent = send(event_get_fd(connection->event), chunk, len, MSG_NOSIGNAL);
        if (sent < 0) {
            connection->is_ended = errno != EAGAIN;
            return;
        }
        connection->body_left -= (size_t)sent;
    }
    connection_reply(connection, ")\r\n%s OK done\r\n", connection->tag);
    connection_wait(connection, EV_READ);
}

static void connection_end(struct connection *connection)
{
    (void)close(event_get_fd(connection->event));
    event_free(connection->event);
    free(connection->input);
    free(connection);
}

static void connection_on_event(evutil_socket_t fd, short what, void *argument)
{
    struct connection *connection = argument;
    (void)fd;
    if (what & EV_WRITE)
        connection_send_body(connection);
    else
        connection_take(connection);
    if (connection->is_ended)
        connection_end(connection);
}

static void connection_wait(struct connection *connection, short what)
{
    struct event_base *loop = event_get_base(connection->event);
    int fd = event_get_fd(connection->event);
    (void)event_del(connection->event);
    if (event_assign(connection->event, loop, fd, (short)(what | EV_PERSIST), connection_on_event,
                     connection) != 0 ||
        event_add(connection->event, NULL) != 0)
        connection->is_ended = true;
}

static void connection_begin(struct event_base *loop, int fd)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection != NULL) {
        connection->on_line = connection_on_command;
        connection->event =
            event_new(loop, fd, EV_READ | EV_PERSIST, connection_on_event, connection);
        if (connection->event != NULL && event_add(connection->event, NULL) == 0) {
            connection_reply(connection, "* OK [CAPABILITY " CAPABILITIES "] ready\r\n");
            return;
        }
    }
    free(connection);
    (void)close(fd);
}

/* Lines of 76 letters, as a mail with a base64 attachment has. */
static void chunk_fill(void)
{
    for (size_t i = 0; i < CHUNK_SIZE; i++)
        chunk[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : (char)('A' + i % 26);
}

int main(int argc, char **argv)
{
    uint64_t bytes;
    if (argc != 4 || !span_to_u64(span_of(argv[3]), (uint64_t)1 << 40, &bytes) || bytes == 0) {
        (void)fputs("usage: backend PORT PASSWORD MESSAGE_BYTES\n", stderr);
        return 64;
    }
    password = span_of(argv[2]);
    message_bytes = (size_t)bytes;
    chunk_fill();
    return server_run(server_port(argv[1]), connection_begin);
}
