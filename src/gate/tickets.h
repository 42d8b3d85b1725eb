/*
 * Session tickets (RFC 5077, RFC 8446 section 4.6.1): a client that comes back shows what we sealed for
 * it, and spares both sides the certificates. Nothing is remembered here; the keys come from the broker
 * and are the same in every gate. Without keys no ticket is issued or opened.
 *
 * A ticket opens only where it was made: its key is derived from the broker's and from its place, which
 * is the listener with its protocol and login rules, the client's authorities, and the name that the
 * client asked for (CVE-2025-23419). One from elsewhere, one whose certificate does not verify any more,
 * and one that is nonsense all come to the same: a full handshake.
 */
#ifndef POSTERN_GATE_TICKETS_H
#define POSTERN_GATE_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "channel/message.h"
#include "pki/client_certificate.h"

struct listener;

enum {
    TICKET_NAME_SIZE = 16,
    TICKET_SECRET_SIZE = 32,
    TICKET_PLACE_SIZE = 32,        /* SHA-256 */
    TICKET_KEYS_MAX = 2,           /* the current one, which seals, and the one before it */
    TICKET_LIFE_S = 12 * 60 * 60,  /* as often as the broker makes a new key */
    TICKET_CHAIN_MAX = 8192,       /* octets of what the client sent; a longer chain gets no ticket */
    TICKET_TRIES_MAX = 4,          /* tickets of one connection that are looked at */
};

struct ticket_key {
    uint8_t name[TICKET_NAME_SIZE];
    uint8_t secret[TICKET_SECRET_SIZE];
};

struct ticket_keys {
    struct ticket_key at[TICKET_KEYS_MAX];
    size_t count;
};

/* What a connection's callbacks know of it; belongs to the session, and ends with its handshake. */
struct tls_accepted {
    const char *alpn; /* the protocol's name there, a literal */
    const struct listener *listener;
    const struct ticket_keys *keys;
    struct client_certificate *certificate; /* the last one that was verified, of a ticket too */
    struct strbuf *name;                    /* whom it names, as it says */
    uint8_t place[TICKET_PLACE_SIZE];
    bool has_place;  /* the ClientHello could be read */
    bool is_barred;  /* no ticket for this connection, whatever else */
    unsigned tries;
};

/* Takes the broker's keys; ones of another form are as if there were none. */
void ticket_keys_take(struct ticket_keys *keys, const struct message_ticket_keys *message);

/* Wipes them. */
void ticket_keys_forget(struct ticket_keys *keys);

/* Has the context issue and take tickets. False when memory is out. */
bool tickets_enable(SSL_CTX *context) MUST_USE;

/* For a connection that has not begun yet: offers none where there are no keys. */
void tickets_begin(SSL *tls, const struct tls_accepted *accepted);

/*
 * Verifies a certificate for this connection, now, and leaves what it is worth in *certificate and *name.
 * False when it is not VALID.
 */
bool tickets_verify(const struct tls_accepted *accepted, X509 *certificate, STACK_OF(X509) *chain) MUST_USE;

/* Whether the certificates that a client sent are few enough to travel in a ticket. */
bool tickets_chain_fits(STACK_OF(X509) *chain) MUST_USE;

/* No ticket for this connection: its certificate is not one that a later one could rest on. */
void tickets_bar(SSL *tls);

/*
 * Appends the DER of the certificates that the client sent above its own, one after the other: as they
 * came, or as they lay in the ticket. Nothing for a client that sent none.
 */
void tickets_client_chain(SSL *tls, struct strbuf *der);

#endif
