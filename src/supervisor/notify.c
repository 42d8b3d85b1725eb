/* One datagram to $NOTIFY_SOCKET; see notify.h. */
#include "supervisor/notify.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static void notify_compose(enum notify_state state, struct strbuf *text)
{
    static const char *const states[] = {
        [NOTIFY_READY] = "READY=1",
        [NOTIFY_RELOADING] = "RELOADING=1",
        [NOTIFY_STOPPING] = "STOPPING=1",
    };
    struct timespec now;
    strbuf_append(text, states[state]);
    if (state == NOTIFY_RELOADING && clock_gettime(CLOCK_MONOTONIC, &now) == 0)
        strbuf_format(text, "\nMONOTONIC_USEC=%lld",
                      (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_manager(enum notify_state state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* an abstract name */
    auto_strbuf struct strbuf text = STRBUF(128);
    notify_compose(state, &text);
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)sendto(fd, text.at, text.len, MSG_NOSIGNAL, (struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}
