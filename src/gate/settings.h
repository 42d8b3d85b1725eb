/*
 * What a gate was told to do: the configuration as it came over the supervisor's channel, with the
 * files that came along read and parsed. One object a generation, counted: a session keeps the one
 * that it began with; the last to let go frees it.
 */
#ifndef POSTERN_GATE_SETTINGS_H
#define POSTERN_GATE_SETTINGS_H

#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/ip.h"
#include "base/strbuf.h"
#include "channel/message.h"
#include "config/terms.h"
#include "pki/authorities.h"
#include "protocol/login_name.h"

enum {
    SETTINGS_CERTIFICATES_MAX = 64,
    SETTINGS_LISTENERS_MAX = 256,
    SETTINGS_BACKENDS_MAX = 64,
    SETTINGS_LOGINS_MAX = 16,
    SETTINGS_ARENA_MAX = 4 << 20,
};

struct gate;
struct login_rules;
struct tls_provider;

struct listener {
    struct gate *gate;
    struct settings *settings; /* the ones it belongs to; not counted */
    const char *name;
    const char *address;
    enum config_protocol protocol;
    enum config_listener_tls tls;
    struct backend *backend;
    unsigned logins[SETTINGS_LOGINS_MAX]; /* alternatives of or-ed enum config_factor */
    size_t login_count;
    struct ip_prefix *proxy_sources;
    size_t proxy_source_count;
    bool preauth;
    enum config_enrolment after_enrolment;
    bool is_observed;    /* rules note what they would refuse there, and refuse nothing (verdict.h) */
    struct ip_prefix *trusted_clients; /* whose word on the client's address is believed */
    size_t trusted_client_count;
    struct ip_prefix *health_checks;   /* whose connections count as nothing */
    size_t health_check_count;
    int socket;          /* -1 when closed */
    bool is_open;        /* the events are in the loop */
    struct event accept; /* waits on socket */
    struct event resume; /* ends a pause for want of descriptors */
};

struct settings {
    unsigned references;
    uint64_t generation;
    struct arena arena; /* of all texts */
    const char *hostname;
    struct login_name_rules login_names; /* master user and separator: see settings_login_rules */
    struct message_configure_limits limits;
    SSL_CTX *contexts[SETTINGS_CERTIFICATES_MAX]; /* one a certificate; the first is the default */
    size_t context_count;
    struct login_rules *login_rules; /* NULL: none */
    struct authorities *authorities; /* of client certificates; NULL: none is asked for */
    uint8_t client_ca_digest[32]; /* of the authorities in client_ca; zeros: none */
    struct backend *backends[SETTINGS_BACKENDS_MAX];
    size_t backend_count;
    struct listener *listeners[SETTINGS_LISTENERS_MAX];
    size_t listener_count;
    struct strbuf problem; /* the first thing that was wrong; "" when all is well */
};

/* An empty one with one reference; NULL when memory is out. */
struct settings *settings_new(const struct message_configure_begin *begin) MUST_USE;

struct settings *settings_ref(struct settings *settings);

/* Takes NULL. With the last reference its sockets, contexts and secrets go. */
void settings_unref(struct settings *settings);

/*
 * Take in one message each; descriptors that are kept are taken out of it. What is wrong is remembered
 * in settings->problem, as a sentence for the operator, and shows at the commit.
 */
void settings_add_limits(struct settings *settings, const struct message_configure_limits *limits);
void settings_add_certificate(struct settings *settings, const struct tls_provider *provider,
                              struct message_configure_certificate *message);
void settings_add_client_ca(struct settings *settings, struct message_configure_client_ca *message);
void settings_add_revocations(struct settings *settings, const struct message_revocations_table *message);
void settings_add_tls(struct settings *settings, struct message_configure_tls *message);
void settings_add_backend(struct settings *settings, struct message_configure_backend *message);
void settings_add_listener(struct settings *settings, struct gate *gate,
                           struct message_configure_listener *message);

/* Remembers the first problem. */
void settings_complain(struct settings *settings, const char *format, ...) PRINTF_LIKE(2, 3);

/* The rules for a login that goes to this backend. */
struct login_name_rules settings_login_rules(const struct settings *settings,
                                             const struct backend *backend);

#endif
