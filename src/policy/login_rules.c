/*
 * Which rule counts for a user; see login_rules.h. Asked by gate/login.c when a name has become a
 * canonical login, and by check-config --user.
 */
#include "policy/login_rules.h"

#include <stdlib.h>
#include <string.h>

#include "policy/members.h"

struct login_group {
    char *name;
    struct members members;
};

struct kept_rule {
    struct login_rule rule;
    struct members users;
    char *listeners; /* one a line */
    const struct login_group *groups[LOGIN_GROUPS_MAX];
    size_t group_count;
    bool is_for_all;
};

struct login_rules {
    struct login_name_rules names;
    struct login_group groups[LOGIN_GROUPS_MAX];
    size_t group_count;
    struct kept_rule rules[LOGIN_RULES_MAX];
    size_t rule_count;
};

struct login_rules *login_rules_new(const struct login_name_rules *names)
{
    struct login_rules *rules = calloc(1, sizeof *rules);
    if (rules != NULL)
        rules->names = *names;
    return rules;
}

void login_rules_free(struct login_rules *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->group_count; i++) {
        free(rules->groups[i].name);
        members_fini(&rules->groups[i].members);
    }
    for (size_t i = 0; i < rules->rule_count; i++) {
        free(rules->rules[i].rule.name);
        free(rules->rules[i].listeners);
        members_fini(&rules->rules[i].users);
    }
    free(rules);
}

static char *copy_text(struct span text)
{
    return text.len == 0 ? strdup("") : strndup((const char *)text.at, text.len);
}

/* --- Groups ------------------------------------------------------------------------------------- */

/* What stands before the line in a message: "group staff: FILE:". */
static bool add_members(struct login_rules *rules, struct members *members, struct span lines,
                        const char *whose, struct span file, struct strbuf *ret_why)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    if (members_add(members, lines, &rules->names, &why))
        return true;
    strbuf_format(ret_why, "%s: ", whose);
    strbuf_append_span(ret_why, file);
    strbuf_format(ret_why, "%s%s", file.len > 0 ? ":" : "entry ", strbuf_text(&why));
    return false;
}

bool login_rules_add_group(struct login_rules *rules, struct span name, struct span members,
                           struct span file, struct span octets, struct strbuf *ret_why)
{
    auto_strbuf struct strbuf whose = STRBUF(128);
    strbuf_append(&whose, "group ");
    strbuf_append_span(&whose, span_first(name, 64));
    if (rules->group_count == LOGIN_GROUPS_MAX) {
        strbuf_format(ret_why, "%s: there are more than %d groups", strbuf_text(&whose),
                      LOGIN_GROUPS_MAX);
        return false;
    }
    struct login_group *group = &rules->groups[rules->group_count++];
    members_init(&group->members);
    group->name = copy_text(name);
    if (!add_members(rules, &group->members, members, strbuf_text(&whose), SPAN_NONE, ret_why) ||
        !add_members(rules, &group->members, octets, strbuf_text(&whose), file, ret_why))
        return false;
    members_finish(&group->members);
    if (group->name != NULL && group->members.count > 0)
        return true;
    /* A rule for nobody would let everybody past it: more likely the file is broken. */
    strbuf_format(ret_why, "%s names nobody", strbuf_text(&whose));
    return false;
}

static const struct login_group *rules_find_group(const struct login_rules *rules, struct span name)
{
    for (size_t i = 0; i < rules->group_count; i++)
        if (span_equal(span_of(rules->groups[i].name), name))
            return &rules->groups[i];
    return NULL;
}

/* --- Rules -------------------------------------------------------------------------------------- */

static bool rule_take_groups(const struct login_rules *rules, struct kept_rule *kept,
                             struct span lines)
{
    while (lines.at != NULL && lines.len > 0) {
        const struct login_group *group = rules_find_group(rules, span_cut(&lines, '\n'));
        if (group == NULL || kept->group_count == LOGIN_GROUPS_MAX)
            return false;
        kept->groups[kept->group_count++] = group;
    }
    return true;
}

static bool rule_take_ways(struct login_rule *rule, struct span lines)
{
    while (lines.at != NULL && lines.len > 0)
        if (rule->way_count == LOGIN_RULE_WAYS_MAX ||
            !factors_parse(span_cut(&lines, '\n'), &rule->ways[rule->way_count++]))
            return false;
    return true;
}

static bool rule_take(struct login_rules *rules, struct kept_rule *kept,
                      const struct login_rule_facts *facts, struct strbuf *ret_why)
{
    auto_strbuf struct strbuf whose = STRBUF(128);
    strbuf_append(&whose, "login_rule ");
    strbuf_append_span(&whose, span_first(facts->name, 64));
    if (kept->rule.name == NULL || kept->listeners == NULL) {
        strbuf_append(ret_why, "no memory for the login rules");
        return false;
    }
    if (!rule_take_groups(rules, kept, facts->groups) || !rule_take_ways(&kept->rule, facts->ways)) {
        strbuf_format(ret_why, "%s can't be read", strbuf_text(&whose));
        return false;
    }
    return add_members(rules, &kept->users, facts->users, strbuf_text(&whose), SPAN_NONE, ret_why);
}

bool login_rules_add(struct login_rules *rules, const struct login_rule_facts *facts,
                     struct strbuf *ret_why)
{
    if (rules->rule_count == LOGIN_RULES_MAX) {
        strbuf_format(ret_why, "there are more than %d login rules", LOGIN_RULES_MAX);
        return false;
    }
    struct kept_rule *kept = &rules->rules[rules->rule_count++];
    *kept = (struct kept_rule){.rule = {.name = copy_text(facts->name),
                                        .is_refusing = facts->is_refusing,
                                        .after_enrolment = facts->after_enrolment},
                               .listeners = copy_text(facts->listeners),
                               .is_for_all = facts->users.len == 0 && facts->groups.len == 0};
    members_init(&kept->users);
    if (!rule_take(rules, kept, facts, ret_why))
        return false;
    members_finish(&kept->users);
    return true;
}

/* --- Asking ------------------------------------------------------------------------------------- */

static bool rule_is_of_listener(const struct kept_rule *kept, struct span listener)
{
    struct span lines = span_of(kept->listeners);
    bool is_of_all = lines.len == 0;
    while (lines.at != NULL && lines.len > 0)
        if (span_equal(span_cut(&lines, '\n'), listener))
            return true;
    return is_of_all;
}

static bool rule_is_of_user(const struct kept_rule *kept, struct span login, bool is_local_enough)
{
    if (kept->is_for_all || members_have(&kept->users, login, is_local_enough))
        return true;
    for (size_t i = 0; i < kept->group_count; i++)
        if (members_have(&kept->groups[i]->members, login, is_local_enough))
            return true;
    return false;
}

bool login_is_local_enough(enum config_username username, struct span login)
{
    return username == USERNAME_LOCAL || !span_has(login, '@');
}

const struct login_rule *login_rules_find(const struct login_rules *rules, struct span listener,
                                          struct span login, bool is_local_enough)
{
    for (size_t i = 0; i < rules->rule_count; i++)
        if (rule_is_of_listener(&rules->rules[i], listener) &&
            rule_is_of_user(&rules->rules[i], login, is_local_enough))
            return &rules->rules[i].rule;
    return NULL;
}

unsigned ways_find(const unsigned *ways, size_t count, unsigned factors, unsigned needed)
{
    for (size_t i = 0; i < count; i++)
        if ((ways[i] & ~factors) == 0 && (ways[i] & needed) == needed)
            return ways[i];
    return 0;
}
