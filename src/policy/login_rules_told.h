/*
 * Login rules as the supervisor tells them to gates and to the broker, a message each: groups, then the
 * rules that name them. Both judge by the same rules because both read them here.
 */
#ifndef POSTERN_POLICY_LOGIN_RULES_TOLD_H
#define POSTERN_POLICY_LOGIN_RULES_TOLD_H

#include "channel/message.h"
#include "policy/login_rules.h"

/*
 * Take in one message each. rules: made with the first of them, from names, which must live as long; the
 * caller's to free. False with a sentence for the operator.
 */
bool login_rules_take_group(struct login_rules **rules, const struct login_name_rules *names,
                            const struct message_configure_group *message,
                            struct strbuf *ret_why) MUST_USE;
bool login_rules_take(struct login_rules **rules, const struct login_name_rules *names,
                      const struct message_configure_login_rule *message,
                      struct strbuf *ret_why) MUST_USE;

#endif
