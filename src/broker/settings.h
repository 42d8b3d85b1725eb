/*
 * What the broker was told of logins by certificate: authorities, backends with their master users, and
 * which listeners take a certificate alone. One object a generation, counted: a login keeps the one that
 * it began with; the last to let go frees it.
 */
#ifndef POSTERN_BROKER_SETTINGS_H
#define POSTERN_BROKER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/strbuf.h"
#include "channel/message.h"
#include "pki/authorities.h"
#include "policy/login_rules.h"
#include "protocol/login_name.h"

enum {
    SETTINGS_LISTENERS_MAX = 256,
    SETTINGS_BACKENDS_MAX = 64,
    SETTINGS_ARENA_MAX = 4 << 20,
};

struct listener {
    const char *name;
    struct backend *backend;
    bool takes_certificate; /* alone: else nobody is logged in by master user through it */
    bool observes;          /* rules of ours refuse nothing there */
};

struct settings {
    unsigned references;
    struct arena arena; /* of all texts */
    struct login_name_rules login_names; /* master user: see settings_login_rules */
    uint32_t login_ms;  /* most that a login may take */
    struct authorities *authorities; /* of client certificates; NULL: none count */
    struct login_rules *login_rules; /* NULL: there are none */
    struct backend *backends[SETTINGS_BACKENDS_MAX];
    size_t backend_count;
    struct listener listeners[SETTINGS_LISTENERS_MAX];
    size_t listener_count;
};

/* An empty one with one reference; NULL when memory is out. */
struct settings *settings_new(const struct message_configure_begin *begin) MUST_USE;

struct settings *settings_ref(struct settings *settings);

/* Takes NULL. With the last reference the passwords are wiped. */
void settings_unref(struct settings *settings);

/* Take in one message each. False with a sentence for the operator in why. */
bool settings_add_client_ca(struct settings *settings, const struct message_configure_client_ca *message,
                            struct strbuf *why) MUST_USE;
bool settings_add_group(struct settings *settings, const struct message_configure_group *message,
                        struct strbuf *why) MUST_USE;
bool settings_add_login_rule(struct settings *settings, const struct message_configure_login_rule *message,
                             struct strbuf *why) MUST_USE;
bool settings_add_backend(struct settings *settings, const struct message_configure_backend *message,
                          struct strbuf *why) MUST_USE;
bool settings_add_listener(struct settings *settings, const struct message_configure_listener *message,
                           struct strbuf *why) MUST_USE;

/* NULL when there is none of that name. */
const struct listener *settings_find_listener(const struct settings *settings, struct span name);

/* Whether this canonical login may come in through the listener by a certificate alone. */
bool settings_lets_in(const struct settings *settings, const struct listener *listener, struct span login);

/*
 * Whether the broker itself logs in there. A connection under TLS could not be handed over: there the gate
 * logs in, with the broker's half of SCRAM-SHA-256 (prove.c).
 */
bool settings_logs_in_at(const struct backend *backend);

/* The rules for a login that goes to this backend. */
struct login_name_rules settings_login_rules(const struct settings *settings,
                                             const struct backend *backend);

#endif
