/* The table of settings: settings.def made into structs; see settings.h. */
#include "config/settings.h"

#include "config/config.h"
#include "config/values.h"

static const struct term language_terms[] = {{"en", 0}, {"fr", 0}, {NULL, 0}};
static const struct term tls_version_terms[] = {{"1.2", 0x0303}, {"1.3", 0x0304}, {NULL, 0}};

#define DEFAULT(text) .standard = (text)
#define NONE          .standard = NULL
#define REQUIRED      .standard = NULL, .is_required = true

#define RANGE(range_least, range_most)     .least = (range_least), .most = (range_most)
#define ENTRIES(most_entries, most_octets) .most = (most_entries), .octets = (most_octets)
#define COUNTED(count_field, most_entries)                                                         \
    .most = (most_entries), .count_offset = offsetof(struct config_listener, count_field)
#define COUNTED_RULE(count_field, most_entries)                                                    \
    .most = (most_entries), .count_offset = offsetof(struct config_login_rule, count_field)
#define TERMS(table) .terms = (table)
#define UNBOUNDED    .terms = NULL

/* First reading: an array of settings for each section. */
#define SECTION(key, section_name, tag, section_title, most_sections, section_help)                \
    static const struct setting settings_##key[] = {
#define SETTING(tag, field, setting_name, value, standard_value, bounds, setting_help)             \
    {.name = setting_name,                                                                         \
     .type = &value,                                                                               \
     .offset = offsetof(struct tag, field),                                                        \
     standard_value,                                                                               \
     bounds,                                                                                       \
     .help = setting_help},
#define SECTION_END(key)                                                                           \
    }                                                                                              \
    ;                                                                                              \
    _Static_assert(sizeof settings_##key / sizeof settings_##key[0] <= SETTINGS_MAX,               \
                   "SETTINGS_MAX is too small");
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef SECTION_END

/* Second reading: the sections. */
#define SECTION(key, section_name, tag, section_title, most_sections, section_help)                \
    [SECTION_##key] = {.name = section_name,                                                       \
                       .title = section_title,                                                     \
                       .most = most_sections,                                                      \
                       .settings = settings_##key,                                                 \
                       .setting_count = sizeof settings_##key / sizeof settings_##key[0],          \
                       .help = section_help},
#define SETTING(tag, field, setting_name, value, standard_value, bounds, setting_help)
#define SECTION_END(key)

const struct section sections[SECTION_COUNT] = {
#include "config/settings.def"
};

enum section_key section_find(struct span name)
{
    enum section_key key = SECTION_TOP + 1;
    while (key < SECTION_COUNT && !span_equal(span_of(sections[key].name), name))
        key++;
    return key;
}

size_t setting_find(const struct section *section, struct span name)
{
    size_t i = 0;
    while (i < section->setting_count && !span_equal(span_of(section->settings[i].name), name))
        i++;
    return i;
}

bool setting_is_list(const struct setting *setting)
{
    return setting->type->storage->is_list;
}

bool setting_is_default(const struct setting *setting, const char *value)
{
    struct span text = span_of(value);
    if (text.len >= 2 && text.at[0] == '"')
        text = span_first(span_from(text, 1), text.len - 2);
    return setting->standard != NULL && span_equal(span_of(setting->standard), text);
}
