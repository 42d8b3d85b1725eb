/*
 * Sockets with and without TLS, as the gate reads and writes them; see stream.h. OpenSSL may need to
 * read in order to write and the other way round: that is hidden here.
 */
#include "base/stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/invariant.h"

static void stream_on_event(evutil_socket_t fd, short what, void *argument)
{
    struct stream *stream = argument;
    (void)fd;
    (void)what;
    stream->on_ready(stream, stream->owner);
}

void stream_init(struct stream *stream, struct event_base *loop, int fd, stream_ready_fn *on_ready,
                 void *owner)
{
    *stream = (struct stream){.loop = loop, .fd = fd, .on_ready = on_ready, .owner = owner};
    invariant(event_assign(&stream->event, loop, fd, 0, stream_on_event, stream) == 0);
}

static void stream_disarm(struct stream *stream)
{
    if (stream->fd >= 0)
        (void)event_del(&stream->event);
    stream->armed = 0;
    stream->wanted = 0;
}

void stream_fini(struct stream *stream)
{
    if (stream->fd < 0)
        return;
    stream_disarm(stream);
    if (stream->tls != NULL) {
        ERR_clear_error();
        if (stream->failure == 0 && stream->tls_failure == 0 && SSL_is_init_finished(stream->tls))
            (void)SSL_shutdown(stream->tls);
        SSL_free(stream->tls);
        ERR_clear_error();
    }
    (void)close(stream->fd);
    stream->tls = NULL;
    stream->fd = -1;
}

void stream_move(struct stream *to, struct stream *from, stream_ready_fn *on_ready, void *owner)
{
    stream_disarm(from);
    stream_init(to, from->loop, from->fd, on_ready, owner);
    to->tls = from->tls;
    to->read_on_write = from->read_on_write;
    to->write_on_read = from->write_on_read;
    to->may_hold = from->may_hold;
    from->tls = NULL;
    from->fd = -1;
}

int stream_start_tls(struct stream *stream, SSL *tls)
{
    invariant(stream->tls == NULL);
    if (SSL_set_fd(tls, stream->fd) != 1) {
        SSL_free(tls);
        return -ENOMEM;
    }
    stream->tls = tls;
    return 0;
}

/* Sorts what OpenSSL said of a call that did not succeed. */
static enum stream_result stream_tls_result(struct stream *stream, int returned, bool is_reading)
{
    int saved_errno = errno;
    switch (SSL_get_error(stream->tls, returned)) {
    case SSL_ERROR_WANT_READ:
        stream->write_on_read = !is_reading;
        return STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        stream->read_on_write = is_reading;
        return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return STREAM_END;
    case SSL_ERROR_SYSCALL:
        stream->failure = saved_errno == 0 ? ECONNRESET : saved_errno;
        break;
    default:
        stream->tls_failure = ERR_peek_error();
        break;
    }
    ERR_clear_error();
    return STREAM_FAILED;
}

enum stream_result stream_handshake(struct stream *stream)
{
    ERR_clear_error();
    errno = 0;
    stream->read_on_write = false;
    int returned = SSL_do_handshake(stream->tls);
    stream->may_hold = returned == 1; /* the first octets may have come with the last of it */
    if (returned == 1)
        return STREAM_OK;
    enum stream_result result = stream_tls_result(stream, returned, true);
    return result == STREAM_END ? STREAM_FAILED : result;
}

static enum stream_result stream_errno_result(struct stream *stream)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return STREAM_AGAIN;
    stream->failure = errno;
    return STREAM_FAILED;
}

enum stream_result stream_read(struct stream *stream, void *at, size_t size, size_t *ret_len)
{
    if (stream->tls == NULL) {
        ssize_t got = recv(stream->fd, at, size, 0);
        if (got < 0)
            return stream_errno_result(stream);
        *ret_len = (size_t)got;
        return got == 0 ? STREAM_END : STREAM_OK;
    }
    size_t got = 0;
    ERR_clear_error();
    errno = 0;
    stream->read_on_write = false;
    int returned = SSL_read_ex(stream->tls, at, size, &got);
    stream->may_hold = returned == 1;
    if (returned != 1)
        return stream_tls_result(stream, returned, true);
    *ret_len = got;
    return STREAM_OK;
}

enum stream_result stream_write(struct stream *stream, struct span bytes, size_t *ret_len)
{
    if (stream->tls == NULL) {
        ssize_t sent = send(stream->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (sent < 0)
            return stream_errno_result(stream);
        *ret_len = (size_t)sent;
        return STREAM_OK;
    }
    size_t sent = 0;
    ERR_clear_error();
    errno = 0;
    stream->write_on_read = false;
    int returned = SSL_write_ex(stream->tls, bytes.at, bytes.len, &sent);
    if (returned != 1)
        return stream_tls_result(stream, returned, false);
    *ret_len = sent;
    return STREAM_OK;
}

void stream_want(struct stream *stream, unsigned wanted)
{
    bool on_read = (wanted & STREAM_READ && !stream->read_on_write) ||
                   (wanted & STREAM_WRITE && stream->write_on_read);
    bool on_write = (wanted & STREAM_WRITE && !stream->write_on_read) ||
                    (wanted & STREAM_READ && stream->read_on_write);
    short events = (short)((on_read ? EV_READ : 0) | (on_write ? EV_WRITE : 0));

    invariant(stream->fd >= 0);
    stream->wanted = (uint8_t)wanted;
    if (events != stream->armed) {
        (void)event_del(&stream->event);
        stream->armed = (uint8_t)events;
        if (events != 0) {
            invariant(event_assign(&stream->event, stream->loop, stream->fd,
                                   (short)(events | EV_PERSIST), stream_on_event, stream) == 0);
            if (event_add(&stream->event, NULL) != 0)
                event_active(&stream->event, EV_READ, 0); /* the owner's next call will fail */
        }
    }
    /*
     * Octets that TLS has already taken off the socket will not make it readable again. What it holds
     * after a read that gave nothing is part of a record: for that the socket is waited for.
     */
    if (on_read && wanted & STREAM_READ && stream->may_hold && SSL_has_pending(stream->tls))
        event_active(&stream->event, EV_READ, 0);
}

void stream_shutdown_write(struct stream *stream)
{
    if (stream->tls != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(stream->tls);
        ERR_clear_error();
    }
    (void)shutdown(stream->fd, SHUT_WR);
}

const char *stream_failure(const struct stream *stream)
{
    static char text[160];
    if (stream->tls_failure != 0) {
        const char *reason = ERR_reason_error_string(stream->tls_failure);
        return reason == NULL ? "TLS error" : reason;
    }
    return strerror_r(stream->failure, text, sizeof text);
}

void socket_set_options(int fd, unsigned keepalive_s)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (keepalive_s == 0)
        return;
    int probes = 4;
    int interval = keepalive_s > INT_MAX / 2 ? INT_MAX / 4 : (int)keepalive_s / 8 + 1;
    int idle = (int)keepalive_s - interval * probes > 0 ? (int)keepalive_s - interval * probes : 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}
