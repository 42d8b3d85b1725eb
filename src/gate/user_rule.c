/* Which ways in are left to a user; see user_rule.h. Called by gate.c (messages) and login.c. */
#include "gate/user_rule.h"

#include "gate/session.h"
#include "policy/login_rules_told.h"

/* --- Reading ---------------------------------------------------------------------------------- */

void settings_add_group(struct settings *settings, const struct message_configure_group *message)
{
    auto_strbuf struct strbuf why = STRBUF(1024);
    if (!login_rules_take_group(&settings->login_rules, &settings->login_names, message, &why))
        settings_complain(settings, "%s", strbuf_text(&why));
}

void settings_add_login_rule(struct settings *settings,
                             const struct message_configure_login_rule *message)
{
    auto_strbuf struct strbuf why = STRBUF(1024);
    if (!login_rules_take(&settings->login_rules, &settings->login_names, message, &why))
        settings_complain(settings, "%s", strbuf_text(&why));
}

/* --- Asking ----------------------------------------------------------------------------------- */

const struct login_rule *user_rule_find(const struct session *session, struct span login)
{
    const struct login_rules *rules = session->settings->login_rules;
    if (rules == NULL || login.len == 0)
        return NULL;
    return login_rules_find(rules, span_of(session->listener->name), login,
                            login_is_local_enough(session->listener->backend->username, login));
}

unsigned user_rule_way(const struct listener *listener, const struct login_rule *rule,
                       unsigned factors)
{
    if (rule == NULL || (rule->way_count == 0 && !rule->is_refusing))
        return ways_find(listener->logins, listener->login_count, factors, 0);
    return ways_find(rule->ways, rule->way_count, factors, 0);
}

enum config_enrolment user_rule_enrolment(const struct listener *listener,
                                          const struct login_rule *rule)
{
    return rule == NULL || rule->after_enrolment == AFTER_ENROLMENT_OF_LISTENER
               ? listener->after_enrolment
               : rule->after_enrolment;
}
