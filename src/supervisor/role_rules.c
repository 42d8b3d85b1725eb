/* Groups and login rules, as every role that asks them is told. Called from role_*.c. */
#include "supervisor/role_kind.h"

static bool send_group(struct channel *channel, const struct config_group *group,
                       const struct snapshots *files)
{
    auto_strbuf struct strbuf members = STRBUF(ROLE_LIST_MAX);
    role_join(&group->members, &members);
    struct message message = {
        .type = MESSAGE_configure_group,
        .configure_group = {.name = span_of(group->name),
                            .members = strbuf_span(&members),
                            .file = span_of(group->file),
                            .content = snapshots_find(files, group->file)}};
    return !strbuf_failed(&members) && channel_send(channel, &message);
}

static bool send_login_rule(struct channel *channel, const struct config_login_rule *rule)
{
    auto_strbuf struct strbuf users = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf groups = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf listeners = STRBUF(ROLE_LIST_MAX);
    auto_strbuf struct strbuf logins = STRBUF(ROLE_LIST_MAX);
    role_join(&rule->users, &users);
    role_join(&rule->groups, &groups);
    role_join(&rule->listeners, &listeners);
    for (size_t i = 0; i < rule->login_count; i++) {
        strbuf_append(&logins, i > 0 ? "\n" : "");
        factors_print(rule->logins[i], &logins);
    }
    struct message message = {
        .type = MESSAGE_configure_login_rule,
        .configure_login_rule = {.name = span_of(rule->name),
                                 .users = strbuf_span(&users),
                                 .groups = strbuf_span(&groups),
                                 .listeners = strbuf_span(&listeners),
                                 .login = strbuf_span(&logins),
                                 .refuse = rule->refuse,
                                 .after_enrolment = (uint8_t)rule->after_enrolment}};
    return !strbuf_failed(&users) && !strbuf_failed(&groups) && !strbuf_failed(&listeners) &&
           channel_send(channel, &message);
}

bool role_send_login_rules(struct channel *channel, const struct setup *setup)
{
    const struct config *config = setup->config;
    bool is_sent = true;
    for (size_t i = 0; is_sent && i < config->group_count; i++)
        is_sent = send_group(channel, &config->groups[i], &setup->files);
    for (size_t i = 0; is_sent && i < config->login_rule_count; i++)
        is_sent = send_login_rule(channel, &config->login_rules[i]);
    return is_sent;
}
