/* Reads login rules from messages; see login_rules_told.h. Called by gate/user_rule.c and broker/settings.c. */
#include "policy/login_rules_told.h"

#include "base/cleanup.h"
#include "base/file_read.h"
#include "policy/members.h"

static bool login_rules_are_there(struct login_rules **rules, const struct login_name_rules *names,
                                  struct strbuf *ret_why)
{
    if (*rules == NULL)
        *rules = login_rules_new(names);
    if (*rules == NULL)
        strbuf_append(ret_why, "no memory for the login rules");
    return *rules != NULL;
}

bool login_rules_take_group(struct login_rules **rules, const struct login_name_rules *names,
                            const struct message_configure_group *message, struct strbuf *ret_why)
{
    auto_strbuf struct strbuf octets = STRBUF(MEMBERS_OCTETS_MAX);
    if (message->content >= 0 && !file_read(message->content, &octets)) {
        strbuf_append(ret_why, "a group's file can't be read, or is larger than 16 MiB");
        return false;
    }
    return login_rules_are_there(rules, names, ret_why) &&
           login_rules_add_group(*rules, message->name, message->members, message->file,
                                 strbuf_span(&octets), ret_why);
}

bool login_rules_take(struct login_rules **rules, const struct login_name_rules *names,
                      const struct message_configure_login_rule *message, struct strbuf *ret_why)
{
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
    return login_rules_are_there(rules, names, ret_why) && login_rules_add(*rules, &facts, ret_why);
}
