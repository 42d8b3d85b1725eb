/* The control socket; see control.h. Made once by the supervisor, handed to each keeper. */
#include "supervisor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "supervisor/places.h"

enum { CONTROL_BACKLOG = 64 };

static int control_socket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* True when nobody listens behind that name any more. */
static bool control_is_stale(const struct sockaddr_un *address)
{
    auto_close int fd = control_socket();
    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
           errno == ECONNREFUSED;
}

/* The peer's uid decides what it may do, so anyone may connect. */
static int control_bind(int fd, const struct sockaddr_un *address)
{
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        return -errno;
    if (chmod(address->sun_path, 0666) != 0 || listen(fd, CONTROL_BACKLOG) != 0)
        return -errno;
    return 0;
}

int control_open(const char *path, struct strbuf *problem)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        strbuf_format(problem, "control: %s is longer than a socket's name may be", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (!places_make_parent("control", path, 0755, problem))
        return -1;
    auto_close int fd = control_socket();
    int result = fd < 0 ? -errno : control_bind(fd, &address);
    if (result == -EADDRINUSE && control_is_stale(&address)) {
        (void)unlink(path);
        result = control_bind(fd, &address);
    }
    if (result == 0)
        return take_fd(&fd);
    if (result == -EADDRINUSE) {
        strbuf_format(problem, "control: %s is in use; is another postern running?", path);
    } else {
        char text[128];
        strbuf_format(problem, "control: %s: %s", path, strerror_r(-result, text, sizeof text));
    }
    return -1;
}

int control_take_over(int fd, const char *path, struct strbuf *problem)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0 || strcmp(name.sun_path, path) != 0) {
        strbuf_append(problem, "control: it can't change in an upgrade; restart Postern, or put the former "
                               "value back");
        return -1;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

void control_close(int fd, const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    if (fd < 0)
        return;
    bool is_named =
        getsockname(fd, (struct sockaddr *)&name, &size) == 0 && strcmp(name.sun_path, path) == 0;
    (void)close(fd);
    /* Ours is closed: if the name still answers, a successor has taken it. */
    if (is_named && control_is_stale(&name))
        (void)unlink(path);
}
