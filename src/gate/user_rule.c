/* Which ways in are left to a user; see user_rule.h. Called by gate.c (messages) and login.c. */
#include "gate/user_rule.h"

#include "gate/session.h"
#include "pki/pem_file.h"
#include "policy/members.h"

/* --- Reading ---------------------------------------------------------------------------------- */

/* False, complained, without memory. */
static bool settings_has_rules(struct settings *settings)
{
    if (settings->login_rules == NULL)
        settings->login_rules = login_rules_new(&settings->login_names);
    if (settings->login_rules == NULL)
        settings_complain(settings, "no memory for the login rules");
    return settings->login_rules != NULL;
}

void settings_add_group(struct settings *settings, const struct message_configure_group *message)
{
    auto_strbuf struct strbuf octets = STRBUF(MEMBERS_OCTETS_MAX);
    auto_strbuf struct strbuf why = STRBUF(1024);
    if (message->content >= 0 && !pem_file_read(message->content, &octets))
        settings_complain(settings, "a group's file can't be read, or is larger than 16 MiB");
    else if (settings_has_rules(settings) &&
             !login_rules_add_group(settings->login_rules, message->name, message->members,
                                    message->file, strbuf_span(&octets), &why))
        settings_complain(settings, "%s", strbuf_text(&why));
}

void settings_add_login_rule(struct settings *settings,
                             const struct message_configure_login_rule *message)
{
    auto_strbuf struct strbuf why = STRBUF(1024);
    const struct login_rule_facts facts = {
        .name = message->name,
        .users = message->users,
        .groups = message->groups,
        .listeners = message->listeners,
        .ways = message->login,
        .is_refusing = message->refuse != 0,
        .after_enrolment = message->after_enrolment < AFTER_ENROLMENT_COUNT
                               ? (enum config_enrolment)message->after_enrolment
                               : AFTER_ENROLMENT_CERTIFICATE,
    };
    if (settings_has_rules(settings) && !login_rules_add(settings->login_rules, &facts, &why))
        settings_complain(settings, "%s", strbuf_text(&why));
}

/* --- Asking ----------------------------------------------------------------------------------- */

bool listener_takes_local(const struct listener *listener, struct span login)
{
    return listener->backend->username == USERNAME_LOCAL || !span_has(login, '@');
}

const struct login_rule *user_rule_find(const struct session *session, struct span login)
{
    const struct login_rules *rules = session->settings->login_rules;
    if (rules == NULL || login.len == 0)
        return NULL;
    return login_rules_find(rules, span_of(session->listener->name), login,
                            listener_takes_local(session->listener, login));
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
