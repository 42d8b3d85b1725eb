/*
 * The ways in that are left to a user: rules narrow those of a listener for users and groups. The first
 * rule that names the user (or everybody) and the listener counts, and no other. Pure: gate, broker and
 * check-config ask the same function and get the same answer.
 *
 * A rule's ways each ask for at least what one of the listener's asks for; the configuration sees to it.
 * So a rule takes ways away and never opens one, and asking the rule alone is enough.
 */
#ifndef POSTERN_POLICY_LOGIN_RULES_H
#define POSTERN_POLICY_LOGIN_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "config/terms.h"
#include "protocol/login_name.h"

enum {
    LOGIN_RULES_MAX = 64,
    LOGIN_GROUPS_MAX = 64,
    LOGIN_RULE_WAYS_MAX = 8,
};

struct login_rules;

struct login_rule {
    char *name;
    bool is_refusing;                     /* these users are let in in no way */
    enum config_enrolment after_enrolment; /* AFTER_ENROLMENT_OF_LISTENER: the listener's */
    unsigned ways[LOGIN_RULE_WAYS_MAX];   /* alternatives of or-ed enum config_factor */
    size_t way_count;                     /* 0: the listener's */
};

/* A rule as it is told. Lists have one entry a line. */
struct login_rule_facts {
    struct span name;
    struct span users;     /* logins and domains; with groups empty too: everybody */
    struct span groups;
    struct span listeners; /* empty: all */
    struct span ways;      /* as factors_print() has them; empty: the listener's */
    bool is_refusing;
    enum config_enrolment after_enrolment;
};

/* Empty. names is copied but for its texts, which live as long. NULL without memory. */
struct login_rules *login_rules_new(const struct login_name_rules *names) MUST_USE;

/* Takes NULL. */
void login_rules_free(struct login_rules *rules);

/*
 * A group, before the rules that name it. members: from the configuration; file: the name of the file
 * that held octets, for what is said. False with a sentence.
 */
bool login_rules_add_group(struct login_rules *rules, struct span name, struct span members,
                           struct span file, struct span octets, struct strbuf *ret_why) MUST_USE;

/* The next rule. False with a sentence. */
bool login_rules_add(struct login_rules *rules, const struct login_rule_facts *facts,
                     struct strbuf *ret_why) MUST_USE;

/*
 * Whether this login may be anybody with its local part: it has no domain, or the backend hears none.
 * What is said of one of them then holds for all.
 */
bool login_is_local_enough(enum config_username username, struct span login);

/*
 * The rule that counts for this canonical login on that listener; NULL: none, the listener's own ways
 * are left. is_local_enough: as above.
 */
const struct login_rule *login_rules_find(const struct login_rules *rules, struct span listener,
                                          struct span login, bool is_local_enough);

/* The first way that these factors meet and that asks for needed; 0: there is none. */
unsigned ways_find(const unsigned *ways, size_t count, unsigned factors, unsigned needed);

#endif
