/* Login rules for check-config; see config_rules.h. Called by check_config.c. */
#include "cli/config_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/login_rules.h"
#include "policy/members.h"

enum { RULES_LIST_MAX = 65536, RULES_WHY_MAX = 1024 };

/* --- Reading ---------------------------------------------------------------------------------- */

static void join(const struct config_strings *strings, struct strbuf *lines)
{
    for (size_t i = 0; i < strings->count; i++)
        strbuf_format(lines, "%s%s", i > 0 ? "\n" : "", strings->at[i]);
}

static bool read_file(const char *path, struct strbuf *octets, struct strbuf *ret_why)
{
    char part[4096];
    size_t got;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        strbuf_format(ret_why, "%s can't be opened: %s", path, strerror(errno));
        return false;
    }
    while ((got = fread(part, 1, sizeof part, file)) > 0 && !strbuf_failed(octets))
        strbuf_append_span(octets, span_make(part, got));
    bool is_whole = !ferror(file) && !strbuf_failed(octets);
    if (!is_whole)
        strbuf_format(ret_why, "%s can't be read, or is larger than 16 MiB", path);
    (void)fclose(file);
    return is_whole;
}

static bool take_group(struct login_rules *rules, const struct config_group *group,
                       struct strbuf *ret_why)
{
    auto_strbuf struct strbuf octets = STRBUF(MEMBERS_OCTETS_MAX);
    auto_strbuf struct strbuf members = STRBUF(RULES_LIST_MAX);
    join(&group->members, &members);
    return (group->file == NULL || read_file(group->file, &octets, ret_why)) &&
           login_rules_add_group(rules, span_of(group->name), strbuf_span(&members),
                                 span_of(group->file), strbuf_span(&octets), ret_why);
}

static bool take_rule(struct login_rules *rules, const struct config_login_rule *rule,
                      struct strbuf *ret_why)
{
    auto_strbuf struct strbuf users = STRBUF(RULES_LIST_MAX);
    auto_strbuf struct strbuf groups = STRBUF(RULES_LIST_MAX);
    auto_strbuf struct strbuf listeners = STRBUF(RULES_LIST_MAX);
    auto_strbuf struct strbuf ways = STRBUF(RULES_LIST_MAX);
    join(&rule->users, &users);
    join(&rule->groups, &groups);
    join(&rule->listeners, &listeners);
    for (size_t i = 0; i < rule->login_count; i++) {
        strbuf_append(&ways, i > 0 ? "\n" : "");
        factors_print(rule->logins[i], &ways);
    }
    const struct login_rule_facts facts = {.name = span_of(rule->name),
                                           .users = strbuf_span(&users),
                                           .groups = strbuf_span(&groups),
                                           .listeners = strbuf_span(&listeners),
                                           .ways = strbuf_span(&ways),
                                           .is_refusing = rule->refuse,
                                           .after_enrolment = rule->after_enrolment};
    return login_rules_add(rules, &facts, ret_why);
}

static void complain(const struct config *config, int line, const struct strbuf *why,
                     struct strbuf *ret_errors)
{
    strbuf_format(ret_errors, "%s:%d: %s\n", config->file, line, strbuf_text(why));
}

/* What is wrong with one does not hide the next. */
static bool take_all(struct login_rules *rules, const struct config *config,
                     struct strbuf *ret_errors)
{
    bool is_good = true;
    for (size_t i = 0; i < config->group_count; i++) {
        auto_strbuf struct strbuf why = STRBUF(RULES_WHY_MAX);
        if (take_group(rules, &config->groups[i], &why))
            continue;
        complain(config, config->groups[i].line, &why, ret_errors);
        is_good = false;
    }
    for (size_t i = 0; i < config->login_rule_count; i++) {
        auto_strbuf struct strbuf why = STRBUF(RULES_WHY_MAX);
        if (take_rule(rules, &config->login_rules[i], &why))
            continue;
        complain(config, config->login_rules[i].line, &why, ret_errors);
        is_good = false;
    }
    return is_good;
}

/* --- Saying ----------------------------------------------------------------------------------- */

static void print_ways(const unsigned *ways, size_t count, struct strbuf *text)
{
    for (size_t i = 0; i < count; i++) {
        strbuf_append(text, i > 0 ? ", " : "");
        factors_print(ways[i], text);
    }
}

static void print_listener(const struct config *config, const struct config_listener *listener,
                           const struct login_rules *rules, struct span login, struct strbuf *text)
{
    const struct login_rule *rule = login_rules_find(
        rules, span_of(listener->name), login,
        login_is_local_enough(config->backends[listener->backend].username, login));
    enum config_enrolment enrolment =
        rule == NULL || rule->after_enrolment == AFTER_ENROLMENT_OF_LISTENER
            ? listener->after_enrolment
            : rule->after_enrolment;
    strbuf_format(text, "listener %s: ", listener->name);
    if (rule != NULL && rule->is_refusing)
        strbuf_append(text, "no way in");
    else if (rule != NULL && rule->way_count > 0)
        print_ways(rule->ways, rule->way_count, text);
    else
        print_ways(listener->logins, listener->login_count, text);
    strbuf_format(text, "; after_enrolment = %s; ", term_name(enrolment_terms, enrolment));
    if (rule == NULL)
        strbuf_append(text, "no login_rule\n");
    else
        strbuf_format(text, "login_rule %s\n", rule->name);
}

static bool print_user(const struct config *config, const struct login_rules *rules,
                       const struct login_name_rules *names, const char *user, struct strbuf *text,
                       struct strbuf *ret_errors)
{
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    enum login_name_result result = login_name_canonicalise(span_of(user), names, &login);
    if (result != LOGIN_NAME_OK) {
        strbuf_format(ret_errors, "%s is no user's name: %s\n", user, login_name_result_text(result));
        return false;
    }
    strbuf_format(text, "%s\n", strbuf_text(&login));
    for (size_t i = 0; i < config->listener_count; i++)
        print_listener(config, &config->listeners[i], rules, strbuf_span(&login), text);
    return true;
}

bool config_rules_explain(const struct config *config, const char *user, struct strbuf *text,
                          struct strbuf *ret_errors)
{
    auto_strbuf struct strbuf netbios_domains = STRBUF(RULES_LIST_MAX);
    join(&config->login.netbios_domains, &netbios_domains);
    const struct login_name_rules names = {.default_domain = span_of(config->login.default_domain),
                                           .netbios_domains = strbuf_span(&netbios_domains)};
    struct login_rules *rules = login_rules_new(&names);
    if (rules == NULL)
        strbuf_format(ret_errors, "%s:1: no memory for the login rules\n", config->file);
    bool is_good = rules != NULL && take_all(rules, config, ret_errors) &&
                   (user == NULL || print_user(config, rules, &names, user, text, ret_errors));
    login_rules_free(rules);
    return is_good;
}
