/* What the scan found, and the structs that it fills; see reading.h. Used by read.c and check.c. */
#include <stdlib.h>

#include "base/invariant.h"
#include "config/reading.h"
#include "config/values.h"

struct found *reading_find(struct reading *reading, enum section_key key, const char *title)
{
    for (size_t i = 0; i < reading->found_count; i++) {
        struct found *found = &reading->found[i];
        if (found->key == key && (title == NULL || strcmp(found->title, title) == 0))
            return found;
    }
    return NULL;
}

size_t found_setting(const struct found *found, const char *name)
{
    size_t index = setting_find(&sections[found->key], span_of(name));
    invariant(index < sections[found->key].setting_count);
    return index;
}

bool found_has(const struct found *found, const char *name)
{
    return found->setting_lines[found_setting(found, name)] != 0;
}

bool found_is_sound(const struct found *found, const char *name)
{
    return !found->is_bad[found_setting(found, name)];
}

int found_line(const struct found *found, const char *name)
{
    int line = found->setting_lines[found_setting(found, name)];
    return line != 0 ? line : found->line;
}

/* The struct that the section with that key fills; number: of those with a title. */
void *config_section(struct config *config, enum section_key key, size_t number)
{
    switch (key) {
    case SECTION_TOP:
        return config;
    case SECTION_TLS:
        return &config->tls;
    case SECTION_CLIENT_CA:
        return &config->client_cas[number];
    case SECTION_LOGIN:
        return &config->login;
    case SECTION_LIMITS:
        return &config->limits;
    case SECTION_JOURNAL:
        return &config->journal;
    case SECTION_BACKEND:
        return &config->backends[number];
    case SECTION_LISTENER:
        return &config->listeners[number];
    case SECTION_GROUP:
        return &config->groups[number];
    case SECTION_LOGIN_RULE:
        return &config->login_rules[number];
    case SECTION_COUNT:
        break;
    }
    invariant(false);
    return NULL;
}

static void section_drop(struct config *config, enum section_key key, size_t number)
{
    void *base = config_section(config, key, number);
    for (size_t i = 0; i < sections[key].setting_count; i++)
        value_drop(&sections[key].settings[i], base);
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->client_ca_count; i++) {
        section_drop(config, SECTION_CLIENT_CA, i);
        free(config->client_cas[i].name);
    }
    for (size_t i = 0; i < config->backend_count; i++) {
        section_drop(config, SECTION_BACKEND, i);
        free(config->backends[i].name);
    }
    for (size_t i = 0; i < config->listener_count; i++) {
        section_drop(config, SECTION_LISTENER, i);
        free(config->listeners[i].name);
    }
    for (size_t i = 0; i < config->group_count; i++) {
        section_drop(config, SECTION_GROUP, i);
        free(config->groups[i].name);
    }
    for (size_t i = 0; i < config->login_rule_count; i++) {
        section_drop(config, SECTION_LOGIN_RULE, i);
        free(config->login_rules[i].name);
    }
    for (enum section_key key = SECTION_TOP; key < SECTION_COUNT; key++)
        if (sections[key].title == NULL)
            section_drop(config, key, 0);
    free(config->client_cas);
    free(config->backends);
    free(config->listeners);
    free(config->groups);
    free(config->login_rules);
    free(config->file);
    free(config);
}
