/*
 * A connection before login: its socket, its phase, what it still has to be told, and the login that
 * is under way. What is protocol's own stands behind struct session_protocol (imap_session.c); TLS is
 * in session_tls.c, the login in login.c. Freed when the login succeeded (relay.c goes on) or failed
 * for good.
 *
 * The phase has one writer, session_enter(), and a table of allowed moves. Input is read only in the
 * phases that take input; octets that came early wait in held, which is why nothing more is read then.
 */
#ifndef POSTERN_GATE_SESSION_H
#define POSTERN_GATE_SESSION_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "base/strbuf.h"
#include "base/stream.h"
#include "gate/census.h"
#include "gate/login.h"
#include "base/reaper.h"
#include "gate/registry.h"
#include "gate/settings.h"
#include "gate/tickets.h"
#include "pki/certificate_mark.h"
#include "protocol/imap_reader.h"

enum session_phase {
    SESSION_NEW,
    SESSION_PROXY_HEADER, /* the PROXY header is awaited */
    SESSION_HANDSHAKE,    /* TLS */
    SESSION_COMMAND,      /* the protocol reads commands */
    SESSION_ASKED,        /* the keeper is asked */
    SESSION_BACKEND,      /* the backend checks the login */
    SESSION_DELAY,        /* a refusal waits for its time */
    SESSION_CLOSING,      /* the last output is written, then it closes */
    SESSION_OVER,         /* closed, to be freed */
    SESSION_PHASE_COUNT,
};

enum {
    SESSION_OUTPUT_MAX = 65536, /* replies that a client leaves unread before it is closed */
    SESSION_HELD_MAX = 16384,   /* one read; nothing is read while some of it is held */
};

struct session;

/* What a protocol brings to a session. */
struct session_protocol {
    const char *alpn;
    /* In clear, before STARTTLS, or under TLS: the first words. */
    void (*greet)(struct session *session);
    /*
     * Takes octets off *input until they are used up or the phase is no longer SESSION_COMMAND.
     */
    void (*take_input)(struct session *session, struct span *input);
    /* Forgets everything that was said before TLS. */
    void (*reset)(struct session *session);
    /* Appends the reply to a login that came to nothing; text explains. */
    void (*answer_login)(struct session *session, enum login_outcome outcome, const char *text);
    /* Appends the reply to a login that succeeded. */
    void (*answer_success)(struct session *session, struct span capabilities, struct strbuf *reply);
    /* Appends a last sentence before an unasked close. */
    void (*say_goodbye)(struct session *session, const char *text);
};

extern const struct session_protocol session_protocol_imap;

/* The IMAP part of a session. */
struct imap_dialogue {
    struct imap_reader reader;
    struct strbuf tag;       /* of the command that is being answered */
    struct strbuf client_id; /* ID pairs for the backend, as "key" "value" …, without trusted ones */
    enum sasl_mechanism mechanism;
    uint8_t sasl_step;       /* 0: no exchange; else which line is awaited */
    struct strbuf sasl_user; /* LOGIN's first line */
};

/* The connection's place in the counts. */
struct session_census {
    struct stranger everywhere;
    struct stranger at_address;
    struct stranger at_prefix;
    struct census_place *address; /* NULL, as prefix: counted nowhere but in all */
    struct census_place *prefix;
    bool is_stranger; /* on the three lists */
};

struct session {
    struct registered registered;
    TAILQ_ENTRY(session) link; /* in gate->sessions */
    struct gate *gate;
    const struct listener *listener;
    struct settings *settings; /* counted */
    const struct session_protocol *protocol;
    struct stream client;
    struct tls_accepted accepted; /* what the callbacks of its TLS see */
    struct event deadline; /* of the phase: proxy header and handshake, login, delay, closing */
    enum session_phase phase;
    uint64_t login_by_ms; /* monotonic: when the login must be done */
    struct endpoint peer;
    struct endpoint local;
    struct strbuf output; /* replies that wait for the socket */
    struct strbuf held;   /* input that came while none was taken */
    struct session_census census;
    struct client_certificate certificate;
    struct certificate_mark certificate_mark; /* when VALID */
    struct strbuf certificate_login; /* canonical, when VALID */
    struct imap_dialogue imap;
    struct login login;
    bool is_greeted;
    bool is_health_check;   /* counts as nothing */
    bool has_client_address; /* and has said so */
    bool is_trusted_client; /* a webmail server: says who its client is */
    bool wants_tls; /* STARTTLS was answered, and TLS comes next */
    uint32_t commands;
    uint32_t failures;
    unsigned observed;   /* bits of enum rule that the connection would have met (verdict.c) */
    uint32_t unanswered; /* questions to the keeper whose answer has not come yet */
    const char *closing_reason; /* a fixed phrase, in SESSION_CLOSING */
    struct grave grave;
};

/*
 * Takes over the connected socket; places are NULL for who is not counted. False (and the socket closed)
 * when memory is out.
 */
bool session_start(struct gate *gate, const struct listener *listener, int fd,
                   const struct endpoint *peer, struct census_place *address,
                   struct census_place *prefix);

/* Moves to another phase; a move that the table does not allow is our mistake. */
void session_enter(struct session *session, enum session_phase phase);

/*
 * Goes on where the phase says. Every way into a session from the event loop (its socket, its
 * deadline, an answer) ends here; what runs inside only changes the phase and the output.
 */
void session_run(struct session *session);

/* Looks up what the listener says of the peer's address: whenever that is another. */
void session_know_peer(struct session *session);

/* The client's address is known: the first words, or TLS. */
void session_begin_protocol(struct session *session);

/* Has TLS spoken from now on; goes on with the handshake (session_tls.c). */
void session_start_tls(struct session *session);
void session_continue_handshake(struct session *session);

/* Puts the connection under another address (PROXY header, webmail); NULL: under none. */
void session_move_census(struct session *session, struct census_place *address,
                         struct census_place *prefix);

/* Appends a reply. A client that reads nothing is closed when too much waits. */
void session_reply(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);

/* Has what waits written, and then closed. */
void session_close(struct session *session, const char *reason);

/* Closes at once. reason is a fixed phrase for the log. */
void session_end(struct session *session, const char *reason);

/*
 * Lets go of the client's socket without closing it: the relay has it. The session ends without a
 * record of its own.
 */
void session_hand_over(struct session *session);

/* Whether it may be closed to make room: while it waits without a login under way. */
void session_set_stranger(struct session *session, bool is_stranger);

static inline bool session_is_secured(const struct session *session)
{
    return session->client.tls != NULL;
}

#endif
