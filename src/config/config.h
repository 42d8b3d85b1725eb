/*
 * postern.conf in memory: typed, checked, frozen. config_read() is the one reader; what it returns is
 * right in itself (every value in range, every reference resolved, every file present), so nobody
 * checks again. Everything is owned by the struct config and freed with it; nothing changes after.
 *
 * The one table of settings is settings.def: names, types, ranges, defaults, sections, and a line of
 * help, from which the parser's options, the manual page and --explain come.
 */
#ifndef POSTERN_CONFIG_CONFIG_H
#define POSTERN_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "base/strbuf.h"
#include "config/terms.h"

/* A list of strings; owned by the configuration. */
struct config_strings {
    char **at;
    size_t count;
};

struct config_tls {
    struct config_strings certificates; /* file names; the first is the default, others by SNI */
    struct config_strings keys;         /* as many */
    uint32_t minimum_version;           /* 0x0303 or 0x0304 */
};

struct config_client_ca {
    char *name;
    int line;
    char *certificate;
    struct config_strings crls;     /* none: nothing is looked up */
    uint32_t crl_grace_ms;          /* for which a list may be overdue */
    struct config_strings policies; /* none: any */
    struct config_strings domains;  /* see config_client_ca_domains() */
    struct config_strings users;
    struct config_strings shares_names; /* names of other sections */
    enum config_client_ca_map map;
    char *pattern;
    char *login;
    char *map_file; /* NULL: map, pattern and login count */
};

struct config_login { /* section login: how a typed name becomes a canonical login */
    char *default_domain;                  /* NULL: a name without a domain stays so */
    struct config_strings netbios_domains; /* "NAME=domain" */
};

struct config_limits { /* all > 0; the schema's configure_limits says the same in the same order */
    uint32_t connections;
    uint32_t connections_per_address;
    uint32_t connections_per_prefix;
    uint32_t handshakes_per_prefix_per_s;
    uint32_t sessions_per_user;
    uint32_t sessions_per_user_and_address;
    uint32_t prefix_v4_bits;
    uint32_t prefix_v6_bits;
    uint32_t handshake_ms;
    uint32_t login_ms;
    uint32_t idle_ms;
    uint32_t failure_delay_ms;
    uint32_t commands_before_login;
    uint32_t failures_per_connection;
};

struct config_journal { /* all > 0 */
    uint32_t keep_ms;
    uint32_t rows;
};

struct config_backend {
    char *name;
    int line; /* where its section begins, for messages */
    struct config_strings addresses; /* checked: endpoint_parse() */
    enum config_protocol protocol;
    enum config_backend_tls tls;
    enum config_identify identify;
    enum config_username username;
    char *tls_name;             /* the name in its certificate; NULL: TLS none */
    char *ca;                   /* NULL: the system's */
    bool allow_clear_text;      /* clear text to other than loopback and unix sockets is wanted */
    char *master_user;          /* NULL: no master login: certificate alone can't work */
    char *master_password_file; /* NULL when master_user is */
    char *master_separator;     /* one octet */
    uint32_t connect_ms;
    uint32_t reply_ms;
    uint32_t health_interval_ms;
};

struct config_listener {
    char *name;
    int line;
    struct config_strings binds; /* checked endpoints */
    enum config_protocol protocol;
    enum config_listener_tls tls;
    size_t backend; /* index into backends */
    unsigned *logins; /* alternatives, each an or of enum config_factor */
    size_t login_count;
    struct ip_prefix *proxy_protocol; /* sources that must send a PROXY header */
    size_t proxy_protocol_count;
    bool preauth;
    enum config_enrolment after_enrolment;
    enum config_listener_mode mode;
    struct ip_prefix *trusted_clients; /* webmail servers, believed about whose client it is */
    size_t trusted_clients_count;
    struct ip_prefix *health_checks; /* load balancers and monitors */
    size_t health_checks_count;
};

struct config_group {
    char *name;
    int line;
    struct config_strings members; /* logins as written, and "@domain" */
    char *file;                    /* one a line; NULL: none */
};

struct config_login_rule { /* in the order of the file: the first that fits counts */
    char *name;
    int line;
    struct config_strings users; /* as members; with groups empty too: everybody */
    struct config_strings groups;
    struct config_strings listeners; /* empty: all */
    unsigned *logins;
    size_t login_count; /* 0: the listener's */
    bool refuse;
    enum config_enrolment after_enrolment;
};

struct config {
    char *file; /* as named on the command line */
    char *hostname;
    struct config_strings domains; /* canonical: lower case A-labels */
    char *language;                /* "en" or "fr" */
    char *state_file;              /* absolute path, from state = "sqlite:…" */
    char *control;                 /* path of the control socket */
    char *empty_root;              /* directory that becomes the root of roles without files */
    char *gate_user;               /* used only when started as root */
    char *keeper_user;
    char *broker_user;
    struct config_strings operators; /* users, besides root and the starter, who may use control */
    uint32_t gates;                /* number of gate processes; 0: one a core */
    uint32_t drain_ms;
    struct config_tls tls;
    struct config_client_ca *client_cas; /* none: no certificate is asked for */
    size_t client_ca_count;
    struct config_login login;
    struct config_limits limits;
    struct config_journal journal;
    struct config_backend *backends;
    size_t backend_count;
    struct config_listener *listeners;
    size_t listener_count;
    struct config_group *groups;
    size_t group_count;
    struct config_login_rule *login_rules;
    size_t login_rule_count;
};

/*
 * Reads and checks file. On success returns the configuration. On failure returns NULL and ret_errors
 * (cap as the caller likes) holds one line for each error: "FILE:LINE: what is wrong; what to write".
 * Opens the named files only to see that they are there and have sane modes; reads none but file.
 */
struct config *config_read(const char *file, struct strbuf *ret_errors) MUST_USE;

/*
 * The domains whose users the authority may name: its own, or, where it has neither domains nor users,
 * those of the configuration. None at all, and no users: everybody.
 */
const struct config_strings *config_client_ca_domains(const struct config *config,
                                                      const struct config_client_ca *client_ca);

/* Takes NULL. */
void config_free(struct config *config);

#endif
