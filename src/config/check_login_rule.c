/*
 * The rules of groups and login rules: whether each can mean something; see check_rules.h. A login rule
 * only narrows: the gates rely on that.
 */
#include "config/check_rules.h"

static bool strings_have(const struct config_strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->at[i], text) == 0)
            return true;
    return false;
}

/* The first entry that means a whole domain; NULL: none. */
static const char *find_domain(const struct config_strings *members)
{
    for (size_t i = 0; i < members->count; i++)
        if (members->at[i][0] == '@')
            return members->at[i];
    return NULL;
}

/* A listener whose backend hears no domains; NULL: none. */
static const struct config_listener *find_local_listener(const struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++)
        if (config->backend_count > 0 &&
            config->backends[config->listeners[i].backend].username == USERNAME_LOCAL)
            return &config->listeners[i];
    return NULL;
}

/*
 * Where a name can come without a domain, or the backend does not hear it, a user could walk around what
 * is said of a domain.
 */
static void check_domains(const struct checked *checked, const struct config_strings *members,
                          const char *setting)
{
    const struct config *config = checked->reading->config;
    const struct config_listener *local = find_local_listener(config);
    const char *domain = find_domain(members);
    if (domain == NULL)
        return;
    if (config->login.default_domain == NULL)
        MISTAKE(checked, setting,
                "\"%s\" can't be told from users without a domain; write default_domain in section "
                "login, or name the users",
                domain);
    else if (local != NULL)
        MISTAKE(checked, setting,
                "\"%s\" means nothing at listener %s, whose backend is given no domains (username = "
                "local); name the users",
                domain, local->name);
}

/* --- Groups --------------------------------------------------------------------------------- */

static void check_group_members(const struct checked *checked)
{
    const struct config_group *group = checked->group;
    if (!checked_has(checked, "members") && !checked_has(checked, "file"))
        mistakes_add(&checked->reading->mistakes, checked->found->line,
                     "group %s names nobody; write members or file", group->name);
    check_domains(checked, &group->members, "members");
}

static void check_group_used(const struct checked *checked)
{
    const struct config *config = checked->reading->config;
    for (size_t i = 0; i < config->login_rule_count; i++)
        if (strings_have(&config->login_rules[i].groups, checked->group->name))
            return;
    mistakes_add(&checked->reading->mistakes, checked->found->line,
                 "group %s is used by no login_rule; name it in one, or take it out",
                 checked->group->name);
}

check_rule *const group_rules[] = {check_group_members, check_group_used, NULL};

/* --- Login rules ------------------------------------------------------------------------------- */

static bool rule_is_of(const struct config_login_rule *rule, const char *listener)
{
    return rule->listeners.count == 0 || strings_have(&rule->listeners, listener);
}

/* Whether one of the listener's ways asks for nothing beyond this one. */
static bool listener_has_wider(const struct config_listener *listener, unsigned way)
{
    for (size_t i = 0; i < listener->login_count; i++)
        if ((listener->logins[i] & ~way) == 0)
            return true;
    return false;
}

static void check_narrows(const struct checked *checked)
{
    const struct config *config = checked->reading->config;
    const struct config_login_rule *rule = checked->login_rule;
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        if (!rule_is_of(rule, listener->name) || listener->login_count == 0)
            continue;
        for (size_t way = 0; way < rule->login_count; way++)
            if (!listener_has_wider(listener, rule->logins[way]))
                MISTAKE(checked, "login",
                        "\"%s\" would open a way that listener %s has not, and a rule only narrows; "
                        "write it there too, or name other listeners",
                        term_name(factor_terms, rule->logins[way]), listener->name);
    }
}

static void check_refuse(const struct checked *checked)
{
    const struct config_login_rule *rule = checked->login_rule;
    if (!rule->refuse)
        return;
    if (checked_has(checked, "login"))
        MISTAKE(checked, "refuse", "refuse leaves no way in, so login can never apply; take one out");
    if (checked_has(checked, "after_enrolment"))
        MISTAKE(checked, "refuse",
                "refuse leaves no way in, so after_enrolment can never apply; take one out");
}

/* Whether nothing is left for rule once other has had its turn. */
static bool rule_hides(const struct config_login_rule *other, const struct config_login_rule *rule)
{
    if (other->users.count > 0 || other->groups.count > 0)
        return false;
    if (other->listeners.count == 0)
        return true;
    for (size_t i = 0; i < rule->listeners.count; i++)
        if (!strings_have(&other->listeners, rule->listeners.at[i]))
            return false;
    return rule->listeners.count > 0;
}

static void check_reached(const struct checked *checked)
{
    const struct config_login_rule *rule = checked->login_rule;
    for (const struct config_login_rule *other = checked->reading->config->login_rules; other < rule;
         other++) {
        if (!rule_hides(other, rule))
            continue;
        mistakes_add(&checked->reading->mistakes, checked->found->line,
                     "login_rule %s can never apply: login_rule %s before it is for everybody; write "
                     "it before that one",
                     rule->name, other->name);
        return;
    }
}

static void check_rule_users(const struct checked *checked)
{
    check_domains(checked, &checked->login_rule->users, "users");
}

check_rule *const login_rule_rules[] = {check_narrows, check_refuse, check_reached, check_rule_users,
                                        NULL};
