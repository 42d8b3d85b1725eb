/*
 * Rules about settings together: what each is given, and the lists of them. A rule is one function
 * that adds a mistake where its section breaks it.
 */
#ifndef POSTERN_CONFIG_CHECK_RULES_H
#define POSTERN_CONFIG_CHECK_RULES_H

#include "config/check.h"

/* One section with its struct under all of its types, of which the rule knows which is meant. */
struct checked {
    struct reading *reading;
    struct found *found;
    const struct config_backend *backend;
    const struct config_listener *listener;
    const struct config_client_ca *client_ca;
    const struct config_group *group;
    const struct config_login_rule *login_rule;
};

#define MISTAKE(checked, setting, ...)                                                             \
    mistakes_add(&(checked)->reading->mistakes, found_line((checked)->found, setting), __VA_ARGS__)

static inline bool checked_is_sound(const struct checked *checked, const char *name)
{
    return found_is_sound(checked->found, name);
}

static inline bool checked_has(const struct checked *checked, const char *name)
{
    return found_has(checked->found, name);
}

typedef void check_rule(const struct checked *checked);

/* Those of listeners, in the order in which they are tried; ends with NULL. */
extern check_rule *const listener_rules[];

/* Those of authorities, likewise. */
extern check_rule *const client_ca_rules[];

/* Those of groups and login rules. */
extern check_rule *const group_rules[];
extern check_rule *const login_rule_rules[];

#endif
