/* See keeper_link.h. */
#include "cli/keeper_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "channel/channel.h"
#include "cli/say.h"
#include "protocol/login_name.h"

/* --- Opening ---------------------------------------------------------------------------------- */

static void say_unreachable(const char *path, int error)
{
    if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
        say("no Postern answers at %s: is it running? (--socket PATH)", path);
    else
        say("%s can't be connected to: %s", path, strerror(error));
}

/* A connected descriptor; -1, said. */
static int link_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        say("%s is longer than the name of a socket may be", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        say_unreachable(path, errno);
        return -1;
    }
    return take_fd(&fd);
}

/* Sends without waiting for room for ever: the socket is new, or what was sent has been answered. */
static int link_transmit(struct keeper_link *link, const struct message *message)
{
    int result = channel_send_blocking(link->fd, message);
    /* Who was refused finds the socket closed, and the reason in it. */
    return result == -EPIPE || result == -ECONNRESET ? 0 : result;
}

static int link_obtain(struct keeper_link *link, struct message *ret_message)
{
    int result = channel_receive_blocking(link->fd, ROLE_COMMAND, ROLE_KEEPER, KEEPER_LINK_WAIT_MS,
                                          link->packet, ret_message);
    if (result == -ECONNRESET) /* closed with our message unread: what came before it is still there */
        result = channel_receive_blocking(link->fd, ROLE_COMMAND, ROLE_KEEPER, KEEPER_LINK_WAIT_MS,
                                          link->packet, ret_message);
    return result;
}

static void say_silence(const struct keeper_link *link, int error)
{
    if (error == ETIMEDOUT)
        say("the Postern at %s does not answer", link->path);
    else if (error == EPIPE || error == ECONNRESET)
        say("the Postern at %s closed the connection without an answer", link->path);
    else if (error == EPROTO)
        say("the Postern at %s is of another release: restart it, or use its own command", link->path);
    else
        say("%s: %s", link->path, strerror(error));
}

static bool link_greet(struct keeper_link *link)
{
    struct message hello = {.type = MESSAGE_hello, .hello = {.release = SPAN(POSTERN_VERSION)}};
    struct message welcome;
    if (!keeper_link_send(link, &hello) || !keeper_link_receive(link, &welcome))
        return false;
    if (welcome.type != MESSAGE_welcome) {
        say_silence(link, EPROTO);
        return false;
    }
    strbuf_append_span(&link->default_domain, welcome.welcome.default_domain);
    strbuf_append_span(&link->netbios_domains, welcome.welcome.netbios_domains);
    strbuf_append_span(&link->hostname, welcome.welcome.hostname);
    return true;
}

bool keeper_link_open(struct keeper_link *link, const char *path)
{
    link->path = path == NULL ? KEEPER_LINK_SOCKET : path;
    link->default_domain = STRBUF(KEEPER_LINK_NAMES_MAX);
    link->netbios_domains = STRBUF(KEEPER_LINK_NAMES_MAX);
    link->hostname = STRBUF(KEEPER_LINK_NAMES_MAX);
    link->fd = link_connect(link->path);
    if (link->fd < 0)
        return false;
    if (link_greet(link))
        return true;
    keeper_link_close(link);
    return false;
}

void keeper_link_close(struct keeper_link *link)
{
    cleanup_close(&link->fd);
    link->fd = -1;
    strbuf_fini(&link->default_domain);
    strbuf_fini(&link->netbios_domains);
    strbuf_fini(&link->hostname);
}

/* --- Talking ---------------------------------------------------------------------------------- */

const char *keeper_link_canonicalise(const struct keeper_link *link, struct span typed,
                                     struct strbuf *login)
{
    const struct login_name_rules rules = {.default_domain = strbuf_span(&link->default_domain),
                                           .netbios_domains = strbuf_span(&link->netbios_domains)};
    enum login_name_result result = login_name_canonicalise(typed, &rules, login);
    return result == LOGIN_NAME_OK ? NULL : login_name_result_text(result);
}

bool keeper_link_login(const struct keeper_link *link, const char *typed, struct strbuf *login)
{
    const char *fault = keeper_link_canonicalise(link, span_of(typed), login);
    if (fault != NULL)
        say("%s is no user's name: %s", typed, fault);
    return fault == NULL;
}

bool keeper_link_send(struct keeper_link *link, const struct message *message)
{
    int result = link_transmit(link, message);
    if (result == -EMSGSIZE)
        say("an argument is too long");
    else if (result < 0)
        say_silence(link, -result);
    return result == 0;
}

bool keeper_link_receive(struct keeper_link *link, struct message *ret_message)
{
    int result = link_obtain(link, ret_message);
    if (result < 0) {
        say_silence(link, -result);
        return false;
    }
    if (ret_message->type != MESSAGE_failed)
        return true;
    say("%.*s", (int)ret_message->failed.text.len, (const char *)ret_message->failed.text.at);
    return false;
}

bool keeper_link_command(struct keeper_link *link, const struct message *message, uint64_t *ret_count)
{
    struct message answer;
    if (!keeper_link_send(link, message) || !keeper_link_receive(link, &answer))
        return false;
    if (answer.type != MESSAGE_done) {
        say_silence(link, EPROTO);
        return false;
    }
    *ret_count = answer.done.count;
    return true;
}
