/*
 * The login rule that counts for the user of an attempt (policy/login_rules.h): read from the
 * configuration, and asked once the name is canonical.
 */
#ifndef POSTERN_GATE_USER_RULE_H
#define POSTERN_GATE_USER_RULE_H

#include <stdbool.h>

#include "base/span.h"
#include "gate/settings.h"
#include "policy/login_rules.h"

struct session;

/* Take in one message each, groups before the rules that name them; faults as settings.h has it. */
void settings_add_group(struct settings *settings, const struct message_configure_group *message);
void settings_add_login_rule(struct settings *settings,
                             const struct message_configure_login_rule *message);

/* NULL: no rule counts for this user. It lives as long as the session's settings. */
const struct login_rule *user_rule_find(const struct session *session, struct span login);

/* The way in that these factors meet: of the rule, or (NULL, or one that names none) of the listener. 0: none. */
unsigned user_rule_way(const struct listener *listener, const struct login_rule *rule,
                       unsigned factors);

/* What becomes of this user's ways in once enrolled. */
enum config_enrolment user_rule_enrolment(const struct listener *listener,
                                          const struct login_rule *rule);

#endif
