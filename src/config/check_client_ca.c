/*
 * The rules of an authority: how it names users, and which users it may name. Two authorities that could
 * name the same user are a mistake unless the file says so: whoever runs one of them could read the mail
 * of the other's users. See check_rules.h.
 */
#include "config/check_rules.h"

static bool has_string(const struct config_strings *strings, const char *wanted)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->at[i], wanted) == 0)
            return true;
    return false;
}

const struct config_strings *config_client_ca_domains(const struct config *config,
                                                      const struct config_client_ca *client_ca)
{
    bool has_own = client_ca->domains.count > 0 || client_ca->users.count > 0;
    return has_own ? &client_ca->domains : &config->domains;
}

/* --- The name --------------------------------------------------------------------------------- */

static void check_map_file(const struct checked *client_ca)
{
    static const char *const others[] = {"map", "pattern", "login"};
    if (!checked_has(client_ca, "map_file"))
        return;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (checked_has(client_ca, others[i]))
            MISTAKE(client_ca, others[i],
                    "%s can never apply, because map_file says whose each certificate is; take one of "
                    "them out",
                    others[i]);
}

/* --- The users -------------------------------------------------------------------------------- */

static bool names_are_sound(const struct found *found)
{
    return found_is_sound(found, "domains") && found_is_sound(found, "users") &&
           found_is_sound(found, "shares_names");
}

/* A user of one section who is another's too, by its domain or by name; or NULL. */
static const char *find_common_user(const struct config *config, const struct config_client_ca *one,
                                    const struct config_client_ca *other)
{
    const struct config_strings *domains = config_client_ca_domains(config, other);
    for (size_t i = 0; i < one->users.count; i++)
        if (has_string(&other->users, one->users.at[i]) ||
            has_string(domains, strchr(one->users.at[i], '@') + 1))
            return one->users.at[i];
    return NULL;
}

/* Whom both may name: a domain, a user, "everybody"; or NULL. */
static const char *find_common_name(const struct config *config, const struct config_client_ca *one,
                                    const struct config_client_ca *other)
{
    const struct config_strings *mine = config_client_ca_domains(config, one);
    const struct config_strings *theirs = config_client_ca_domains(config, other);
    const char *user = find_common_user(config, one, other);
    if ((mine->count == 0 && one->users.count == 0) || (theirs->count == 0 && other->users.count == 0))
        return "everybody";
    for (size_t i = 0; i < mine->count; i++)
        if (has_string(theirs, mine->at[i]))
            return mine->at[i];
    return user != NULL ? user : find_common_user(config, other, one);
}

/* The section with the place in the file. */
static struct found *client_ca_found(const struct checked *client_ca, const struct config_client_ca *other)
{
    return reading_find(client_ca->reading, SECTION_CLIENT_CA, other->name);
}

/* Every pair once: with those that stand before it. */
static void check_common_names(const struct checked *client_ca)
{
    const struct config *config = client_ca->reading->config;
    const struct config_client_ca *mine = client_ca->client_ca;
    if (!names_are_sound(client_ca->found))
        return;
    for (const struct config_client_ca *other = config->client_cas; other < mine; other++) {
        const struct found *theirs = client_ca_found(client_ca, other);
        const char *common = find_common_name(config, mine, other);
        if (common == NULL || !names_are_sound(theirs) || has_string(&mine->shares_names, other->name) ||
            has_string(&other->shares_names, mine->name))
            continue;
        MISTAKE(client_ca, "domains",
                "client_ca %s and client_ca %s (line %d) may both name %s; give each domains or users of "
                "its own, or write shares_names = {%s} here if that is meant",
                mine->name, other->name, theirs->line, common, other->name);
    }
}

static const struct config_client_ca *find_client_ca(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->client_ca_count; i++)
        if (strcmp(config->client_cas[i].name, name) == 0)
            return &config->client_cas[i];
    return NULL;
}

static void check_shared_names(const struct checked *client_ca)
{
    const struct config *config = client_ca->reading->config;
    const struct config_client_ca *mine = client_ca->client_ca;
    for (size_t i = 0; i < mine->shares_names.count; i++) {
        const char *name = mine->shares_names.at[i];
        const struct config_client_ca *other = find_client_ca(config, name);
        if (other == NULL || other == mine)
            MISTAKE(client_ca, "shares_names",
                    "shares_names: \"%s\" is no other section client_ca; write the name of one", name);
        else if (names_are_sound(client_ca->found) && names_are_sound(client_ca_found(client_ca, other)) &&
                 find_common_name(config, mine, other) == NULL)
            MISTAKE(client_ca, "shares_names",
                    "shares_names: client_ca %s may name none of the same users; take it out", name);
    }
}

static void check_overdue(const struct checked *client_ca)
{
    if (client_ca->client_ca->crl_grace_ms > 0 && !checked_has(client_ca, "crl"))
        MISTAKE(client_ca, "crl_overdue",
                "crl_overdue can never apply without crl; write crl, or take it out");
}

check_rule *const client_ca_rules[] = {check_map_file, check_common_names, check_shared_names, check_overdue, NULL};
