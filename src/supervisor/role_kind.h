/*
 * What the supervisor knows of each role: its executable, its user and root, and what of a setup it
 * is told. One row, one file role_*.c a role; everything else is the same for all (process.h).
 */
#ifndef POSTERN_SUPERVISOR_ROLE_KIND_H
#define POSTERN_SUPERVISOR_ROLE_KIND_H

#include "channel/channel.h"
#include "supervisor/places.h"
#include "supervisor/setup.h"

enum { ROLE_LIST_MAX = 65535 /* octets of a list in one text; the schema has the last word */ };

struct role_kind {
    enum role role;
    const char *executable;
    const struct account *(*account)(const struct places *places);
    const char *(*root)(const struct places *places); /* NULL: none */

    /*
     * Sends the part between configure_limits and configure_commit. False when something did not
     * fit into its message, or the channel is closed.
     */
    bool (*send_part)(struct channel *channel, const struct setup *setup, int number, int control);
};

extern const struct role_kind role_kind_broker;
extern const struct role_kind role_kind_gate;
extern const struct role_kind role_kind_keeper;
extern const struct role_kind role_kind_revocations;

/* Sends setup as a whole, as its generation. False as send_part. */
bool role_send_setup(const struct role_kind *kind, struct channel *channel,
                     const struct setup *setup, uint64_t generation, int number,
                     int control) MUST_USE;

/*
 * Tells of every certificate, with its key for the one role that is to have it. False as send_part.
 */
bool role_send_certificates(struct channel *channel, const struct setup *setup,
                            bool with_keys) MUST_USE;

/*
 * Tells of every authority of client certificates, each with its table of revoked ones behind it, if there
 * is any. False as send_part.
 */
bool role_send_client_cas(struct channel *channel, const struct setup *setup) MUST_USE;

/*
 * Tells of every backend, with its master password for the one role that is to have it. False as send_part.
 */
bool role_send_backends(struct channel *channel, const struct setup *setup, bool with_passwords) MUST_USE;

/* Tells of one address of a listener; socket -1: it is not to be served. False as send_part. */
bool role_send_door(struct channel *channel, const struct door *door, const struct config *config,
                    int socket) MUST_USE;

/* That table alone; nothing where there is none. */
bool role_send_table(struct channel *channel, const struct setup *setup, size_t client_ca) MUST_USE;

/* The strings of a list, one a line, for a text of a message. */
void role_join(const struct config_strings *strings, struct strbuf *lines);

/* Every group, then every login rule. */
bool role_send_login_rules(struct channel *channel, const struct setup *setup);

#endif
