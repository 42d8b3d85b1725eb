/*
 * One IMAP client connection with a script: connect, TLS, greeting, and then what the mode says.
 * The mode owns the client and hears of what happens through a table of functions; within any of
 * them it may send, close, or close and open the client again.
 */
#ifndef POSTERN_BENCH_CLIENT_H
#define POSTERN_BENCH_CLIENT_H

#include "base/attributes.h"
#include "base/span.h"
#include "base/stream.h"
#include "load.h"

enum client_phase {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_HANDSHAKE,
    CLIENT_GREETING, /* waits for the greeting */
    CLIENT_LOGIN,    /* waits for the reply to LOGIN */
    CLIENT_COMMAND,  /* waits for the reply to a command, or for nothing */
};

struct client;

struct client_events {
    bool is_clear; /* no TLS: the connection counts as greeting from the start */
    void (*on_connected)(struct client *client);              /* is_clear only; may be NULL */
    void (*on_greeting)(struct client *client);               /* NULL: LOGIN is sent */
    void (*on_login)(struct client *client);                  /* LOGIN was answered OK */
    void (*on_reply)(struct client *client);                  /* a command was answered OK or + */
    void (*on_literal)(struct client *client, size_t len);    /* a literal's octets; may be NULL */
    void (*on_line)(struct client *client, struct span line); /* instead of on_reply, or NULL */
    void (*on_end)(struct client *client, const char *why);   /* closed by the peer, or refused */
};

struct client {
    struct stream stream;
    struct load *load;
    void *mode; /* whatever the mode keeps */
    const struct client_events *events;
    uint64_t started_us; /* when connect() was called */
    size_t literal_left;
    enum client_phase phase;
    uint8_t line_len;
    uint8_t output_len;
    char line[128];   /* the beginning of the line that is being read */
    char output[160]; /* not yet sent */
};

/* Connects; a failure is told by on_end, at once or later. */
void client_open(struct client *client, struct load *load, const struct client_events *events,
                 void *mode);

/* Sends one command, given without tag and line end. */
void client_send(struct client *client, const char *command);

/* Sends octets as they are. */
void client_send_raw(struct client *client, const char *text);

/* Leaves a client that is closed alone. */
void client_close(struct client *client);

/*
 * The SSL_CTX for clients: TLS 1.3, one suite and one group for all peers, no resumption. certificate: a PEM
 * file with the key, shown to the server; NULL: none.
 */
SSL_CTX *client_tls_new(const char *certificate) MUST_USE;

#endif
