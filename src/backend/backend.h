/*
 * The servers behind the gate: their addresses, which of them answer, and a socket to one of them. What
 * is said there is in login.h.
 */
#ifndef POSTERN_BACKEND_BACKEND_H
#define POSTERN_BACKEND_BACKEND_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attributes.h"
#include "base/ip.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "channel/message.h"
#include "config/terms.h"

enum { BACKEND_ADDRESSES_MAX = 16 };

/* One address of a backend, and how it was when last tried. */
struct backend_address {
    struct endpoint endpoint;
    bool is_up;
};

struct backend {
    const char *name;
    struct backend_address addresses[BACKEND_ADDRESSES_MAX];
    size_t address_count;
    enum config_protocol protocol;
    enum config_backend_tls tls;
    enum config_identify identify;
    enum config_username username;
    SSL_CTX *tls_context; /* NULL with tls = none */
    const char *tls_name;
    const char *master_user; /* "" when there is none */
    struct secret master_password; /* empty where another process logs in as master user */
    uint32_t connect_ms;
    uint32_t reply_ms;
    uint32_t health_interval_ms;
};

/*
 * Fills backend, which is zeroed, from the message; texts are copied into the arena. False with a
 * sentence appended to why; backend_fini is due all the same.
 */
bool backend_configure(struct backend *backend, const struct message_configure_backend *message,
                       struct arena *arena, struct strbuf *why) MUST_USE;

void backend_fini(struct backend *backend);

/* True when the backend has a master user: a certificate alone can log in. */
bool backend_has_master(const struct backend *backend);

/*
 * A connecting socket to the address, non-blocking, with its options set; -errno when it can't even
 * be tried.
 */
int backend_connect(const struct backend_address *address) MUST_USE;

/* Notes whether the address answered; a change is logged once. why: a phrase, when it did not. */
void backend_note(struct backend *backend, struct backend_address *address, bool is_up,
                  const char *why);

/*
 * The next address to try for one login: those that answered last time come first, in the order of the
 * configuration, then the others. *tried, a bit an address, remembers; it begins as 0. NULL when all
 * were tried.
 */
struct backend_address *backend_choose(struct backend *backend, uint32_t *tried);

#endif
