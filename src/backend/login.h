/*
 * Logs a user in at an IMAP backend: the one place where credentials leave the gate. Connects (to the
 * next address when one does not answer), tells the backend who the client is, gives it the password
 * or the token that the client gave, or, for a user whose certificate was proven, the master user's
 * password with the user as authorization identity. That is done by the broker, which hands the socket
 * over; under TLS, where that can't be, by the gate, with the broker's half of SCRAM-SHA-256 in it.
 *
 * The same dialogue without a login is the health check.
 */
#ifndef POSTERN_BACKEND_LOGIN_H
#define POSTERN_BACKEND_LOGIN_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "base/strbuf.h"
#include "base/stream.h"
#include "backend/backend.h"
#include "base/reaper.h"
#include "protocol/sasl.h"

struct backend_login;

enum backend_login_result {
    BACKEND_LOGIN_OK,          /* logged in, or, for a health check, answering */
    BACKEND_LOGIN_REFUSED,     /* the backend says that the credentials are wrong */
    BACKEND_LOGIN_UNAVAILABLE, /* nobody answers, or not as IMAP should */
};

/* Called once, from the loop. The receiver takes what it wants and calls backend_login_free. */
typedef void backend_login_done_fn(struct backend_login *login, enum backend_login_result result,
                                   void *owner);

/* The backend's challenge in an exchange whose other half is elsewhere; backend_login_prove() answers it. */
typedef void backend_challenge_fn(struct backend_login *login, struct span challenge, void *owner);

/* Everything here must outlive the login. */
struct backend_login_request {
    struct backend *backend;
    struct backend_address *only;  /* a health check of this address; NULL: a login */
    enum sasl_mechanism mechanism; /* PLAIN, OAUTHBEARER, XOAUTH2; EXTERNAL: as master user */
    struct span scram_first;       /* EXTERNAL by SCRAM-SHA-256: its first message; else SPAN_NONE */
    backend_challenge_fn *on_challenge;
    struct span login;             /* canonical */
    struct span secret;
    const struct endpoint *client;
    const struct endpoint *local; /* our address that the client reached */
    struct span client_id;        /* ID pairs of the client, as "key" "value" … */
    uint64_t session;
    bool has_certificate;
};

struct backend_login {
    struct backend_login_request request;
    struct reaper *reaper;
    struct event_base *loop;
    backend_login_done_fn *on_done;
    void *owner;
    struct backend_address *address; /* being tried */
    uint32_t tried;
    struct stream stream;
    struct event deadline;
    uint8_t step;             /* enum backend_step */
    uint16_t lines;           /* taken from this address */
    bool is_done;
    bool is_sent;             /* credentials have left: no other address is tried */
    struct strbuf in;         /* what the backend said and nobody has read yet */
    struct strbuf out;        /* wiped: holds credentials */
    struct strbuf capabilities;
    struct strbuf verifier;   /* what proves that the backend knows the password; "" until it is said */
    bool is_verified;
    const char *problem;      /* a phrase for the log when it is UNAVAILABLE */
    struct grave grave;
};

/* Starts; on_done follows. NULL when memory is out. */
struct backend_login *backend_login_start(struct event_base *loop, struct reaper *reaper,
                                          const struct backend_login_request *request,
                                          backend_login_done_fn *on_done, void *owner) MUST_USE;

/*
 * Answers the challenge: message goes to the backend, which must then show verifier. Nothing once the login
 * is over.
 */
void backend_login_prove(struct backend_login *login, struct span message, struct span verifier);

/* Closes what is open and frees between events; on_done will not be called. Takes NULL. */
void backend_login_free(struct backend_login *login);

/* After OK: the backend's capabilities for the logged-in user, unfiltered. */
struct span backend_login_capabilities(const struct backend_login *login);

/* After OK: what the backend said behind its answer. */
struct span backend_login_rest(const struct backend_login *login);

#endif
