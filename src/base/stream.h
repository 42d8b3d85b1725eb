/*
 * A stream is a non-blocking socket, with TLS on it or not, driven by the event loop. It owns the
 * descriptor and the TLS object and nothing else: it keeps no buffer, so an idle stream costs its
 * struct and what OpenSSL needs. The owner says what it waits for; when that may go on, on_ready is
 * called and the owner tries again. There is no other state, and so none to get out of step.
 *
 * Deadlines belong to the owner, which knows what is being waited for.
 */
#ifndef POSTERN_BASE_STREAM_H
#define POSTERN_BASE_STREAM_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

enum stream_result {
    STREAM_OK,
    STREAM_AGAIN,  /* nothing now: ask stream_want and wait */
    STREAM_END,    /* the peer closed its direction in an orderly way */
    STREAM_FAILED, /* reset, TLS alert, broken record, cut without close_notify: see stream_failure() */
};

enum { STREAM_READ = 1, STREAM_WRITE = 2 }; /* what an owner may want, or-ed */

struct stream;
typedef void stream_ready_fn(struct stream *stream, void *owner);

struct stream {
    struct event event;
    SSL *tls; /* NULL while in clear */
    struct event_base *loop;
    stream_ready_fn *on_ready;
    void *owner;
    int fd;              /* -1: not open */
    uint8_t wanted;      /* STREAM_READ | STREAM_WRITE as the owner said */
    uint8_t armed;       /* EV_READ | EV_WRITE as the loop was told */
    bool may_hold;       /* TLS took more off the socket than it has given out, perhaps */
    bool read_on_write;  /* TLS must write before it can read on */
    bool write_on_read;  /* TLS must read before it can write on */
    int failure;         /* errno of the last STREAM_FAILED; 0: TLS, see tls_failure */
    unsigned long tls_failure;
};

/* Takes over fd, which must be non-blocking. Nothing is waited for until stream_want. */
void stream_init(struct stream *stream, struct event_base *loop, int fd, stream_ready_fn *on_ready,
                 void *owner);

/*
 * Sends close_notify if TLS was up (without waiting), frees the TLS object, closes. A stream that
 * was never opened, or is closed already, is left alone.
 */
void stream_fini(struct stream *stream);

/* Moves the socket and its TLS from one owner to another; from is left closed. Nothing is wanted. */
void stream_move(struct stream *to, struct stream *from, stream_ready_fn *on_ready, void *owner);

/* Puts TLS on the socket; takes over tls, whose state (accept or connect) and context are set. */
int stream_start_tls(struct stream *stream, SSL *tls) MUST_USE;

/* Goes on with the handshake: STREAM_OK when it is complete. */
enum stream_result stream_handshake(struct stream *stream) MUST_USE;

/* Reads at most size octets; *ret_len > 0 with STREAM_OK. */
enum stream_result stream_read(struct stream *stream, void *at, size_t size, size_t *ret_len) MUST_USE;

/* Writes what goes without waiting; *ret_len > 0 with STREAM_OK, possibly less than all. */
enum stream_result stream_write(struct stream *stream, struct span bytes, size_t *ret_len) MUST_USE;

/* Says what the owner waits for from now on: 0, STREAM_READ, STREAM_WRITE or both. */
void stream_want(struct stream *stream, unsigned wanted);

/* Closes our direction: close_notify and FIN. The other direction goes on. */
void stream_shutdown_write(struct stream *stream);

/* Why the last call failed, as a short text; valid until the next call of this function. */
const char *stream_failure(const struct stream *stream);

/* TCP_NODELAY, and keepalive that notices a dead peer within about keepalive_s seconds (0: off). */
void socket_set_options(int fd, unsigned keepalive_s);

#endif
