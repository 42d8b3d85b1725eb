/* Passes the roles' log on; see relay.h. spawn.c gives each role the pipe as its standard error. */
#include "supervisor/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum {
    RELAY_PART = 65536, /* octets that one turn of the loop passes on; records are under PIPE_BUF */
    RELAY_PIPE = 1 << 20, /* that a burst may fill before the roles wait */
    RELAY_PATIENCE_MS =
        1000, /* for a reader of the log that is slow, before what it misses is lost */
};

static void relay_write(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, at, len);
        if (written >= 0) {
            at += written;
            len -= (size_t)written;
            continue;
        }
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (errno != EINTR && (errno != EAGAIN || poll(&wait, 1, RELAY_PATIENCE_MS) <= 0))
            return;
    }
}

/* False when the pipe is empty. */
static bool relay_pass(const struct relay *relay)
{
    static char part[RELAY_PART];
    ssize_t got = read(relay->output, part, sizeof part);
    if (got > 0 && !relay->is_dropping)
        relay_write(relay->standard_error, part, (size_t)got);
    return got > 0;
}

static void relay_on_readable(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    (void)relay_pass(argument);
}

/* Only our end is non-blocking: a role waits rather than lose a record. */
static int relay_open_pipe(struct relay *relay)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    relay->output = ends[0];
    relay->input = ends[1];
    (void)fcntl(relay->input, F_SETPIPE_SZ, RELAY_PIPE);
    relay->standard_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (relay->standard_error < 0 || fcntl(relay->output, F_SETFL, O_NONBLOCK) != 0 ||
        dup2(relay->input, STDERR_FILENO) < 0)
        return -errno;
    relay->is_holding = true;
    return 0;
}

int relay_init(struct relay *relay, struct event_base *loop)
{
    *relay = (struct relay){.input = -1, .output = -1, .standard_error = -1};
    int result = relay_open_pipe(relay);
    if (result < 0)
        return result;
    relay->readable =
        event_new(loop, relay->output, EV_READ | EV_PERSIST, relay_on_readable, relay);
    return relay->readable == NULL ? -ENOMEM : 0;
}

int relay_take_over(struct relay *relay, struct event_base *loop, int input, int output,
                    int standard_error)
{
    *relay = (struct relay){.input = input, .output = output, .standard_error = standard_error};
    if (fcntl(input, F_SETFD, FD_CLOEXEC) != 0 || fcntl(output, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(standard_error, F_SETFD, FD_CLOEXEC) != 0)
        return -errno;
    relay->readable = event_new(loop, output, EV_READ | EV_PERSIST, relay_on_readable, relay);
    return relay->readable == NULL || event_add(relay->readable, NULL) != 0 ? -ENOMEM : 0;
}

static void relay_restore(struct relay *relay)
{
    if (relay->is_holding)
        (void)dup2(relay->standard_error, STDERR_FILENO);
    relay->is_holding = false;
}

void relay_release(struct relay *relay)
{
    if (!relay->is_holding)
        return;
    relay_restore(relay);
    while (relay_pass(relay))
        ;
    (void)event_add(relay->readable, NULL);
}

void relay_drop(struct relay *relay)
{
    relay->is_dropping = relay->is_holding;
}

void relay_fini(struct relay *relay)
{
    relay_restore(relay);
    while (relay->output >= 0 && relay_pass(relay))
        ;
    if (relay->readable != NULL)
        event_free(relay->readable);
    int ends[] = {relay->input, relay->output, relay->standard_error};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends[i] >= 0)
            (void)close(ends[i]);
    *relay = (struct relay){.input = -1, .output = -1, .standard_error = -1};
}
