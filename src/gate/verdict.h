/*
 * Whether a rule of ours that would refuse does refuse. Every refusal by a rule passes rule_refuses(),
 * so what a listener in observe mode means stands in one place: there a rule leaves a record of what it
 * would have done and changes nothing.
 *
 * Not asked, because they protect what stands behind or hold always: TLS and the protocol, names that no
 * backend may see, deadlines, buffers, descriptors; and a login by certificate alone, which is the
 * master user's power and not something that the backend would have granted by itself.
 */
#ifndef POSTERN_GATE_VERDICT_H
#define POSTERN_GATE_VERDICT_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "gate/tally.h"

struct listener;
struct session;

enum rule {
    /* On a login: recorded when its outcome is known, since then it is known whether the user is one. */
    RULE_CERTIFICATE_REFUSED,
    RULE_CERTIFICATE_NEEDED,
    RULE_NOT_OFFERED,
    RULE_NAME_DIFFERS,
    RULE_LOGIN_RULE,
    RULE_ENROLLED,
    RULE_SESSIONS,
    RULE_SESSIONS_FROM_ADDRESS,
    RULE_KEEPER_AWAY,
    RULE_LOGIN_COUNT,
    /* On a connection: recorded at once. */
    RULE_HANDSHAKES = RULE_LOGIN_COUNT,
    RULE_CONNECTIONS_OF_ADDRESS,
    RULE_CONNECTIONS_OF_NETWORK,
    RULE_CONNECTIONS,
    RULE_COMMANDS,
    RULE_FAILURES,
    RULE_COUNT,
};

/* The fixed name that records and reports show. */
const char *rule_name(enum rule rule);

/*
 * True: refuse. False: the listener observes; what would have been is noted, go on. session: NULL
 * before there is one; then the caller notes the refusal, since there may be another way out.
 */
bool rule_refuses(const struct listener *listener, const struct ip *address, struct session *session,
                  enum rule rule) MUST_USE;

/* The same for a user's session that lives. */
bool rule_refuses_login(const struct listener *listener, const struct ip *address, const char *login,
                        enum rule rule) MUST_USE;

/* The rule refuses in whatever mode: for the journal. */
void verdict_note_refusal(const struct session *session, enum rule rule);

/* Somebody else than a rule of ours refuses a login; who: a fixed word. */
void verdict_note_other(const struct session *session, const char *who);

/*
 * A connection is refused, or ended early, for that reason, a fixed phrase. rule: what the journal calls
 * it, or NULL. True: the caller logs it.
 */
bool verdict_note_connection(const struct listener *listener, const struct ip *address,
                             enum tally_record record, const char *reason, const char *rule) MUST_USE;

/* The attempt is over: records what rules would have refused it. login: who was let in, or NULL. */
void verdict_record_login(struct session *session, const char *login);

#endif
