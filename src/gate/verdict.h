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

struct listener;
struct session;

enum rule {
    /* On a login: recorded when its outcome is known, since then it is known whether the user is one. */
    RULE_CERTIFICATE_REFUSED,
    RULE_CERTIFICATE_NEEDED,
    RULE_NOT_OFFERED,
    RULE_NAME_DIFFERS,
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
 * before there is one.
 */
bool rule_refuses(const struct listener *listener, const struct ip *address, struct session *session,
                  enum rule rule) MUST_USE;

/* The attempt is over: records what rules would have refused it. login: who was let in, or NULL. */
void verdict_record_login(struct session *session, const char *login);

#endif
