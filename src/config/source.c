/*
 * Values by libconfuse; see source.h. Every option is of its pointer type: our parse function makes
 * the value, so that each carries the line that libconfuse itself would forget. Its lexer is global
 * and keeps its state after an error: one reading at a time, of texts that scan.c has passed.
 */
#include "config/source.h"

#include <confuse.h>
#include <stdlib.h>

struct source {
    cfg_t *root;
};

/* Called by libconfuse for each value of each option. */
static int source_keep(cfg_t *section, cfg_opt_t *option, const char *value, void *result)
{
    size_t size = strlen(value) + 1;
    struct given *given = malloc(sizeof *given + size);
    (void)option;
    if (given == NULL)
        return -1;
    given->line = section->line;
    memcpy(given->text, value, size);
    *(void **)result = given;
    return 0;
}

/* libconfuse's own errors: source_new() returning NULL says all. */
static void source_on_error(cfg_t *section, const char *format, va_list arguments)
{
    (void)section;
    (void)format;
    (void)arguments;
}

/* Fills options with the settings of a section; returns where the next may go. */
static cfg_opt_t *source_options(const struct section *section, cfg_opt_t *options)
{
    for (size_t i = 0; i < section->setting_count; i++) {
        const struct setting *setting = &section->settings[i];
        if (setting_is_list(setting))
            *options++ =
                (cfg_opt_t)CFG_PTR_LIST_CB(setting->name, NULL, CFGF_NODEFAULT, source_keep, free);
        else
            *options++ =
                (cfg_opt_t)CFG_PTR_CB(setting->name, NULL, CFGF_NODEFAULT, source_keep, free);
    }
    return options;
}

struct source *source_new(const char *text)
{
    static const cfg_opt_t end = CFG_END();
    cfg_opt_t options[SECTION_COUNT][SETTINGS_MAX + SECTION_COUNT + 1];
    for (enum section_key key = SECTION_TOP + 1; key < SECTION_COUNT; key++)
        *source_options(&sections[key], options[key]) = end;
    cfg_opt_t *top = source_options(&sections[SECTION_TOP], options[SECTION_TOP]);
    for (enum section_key key = SECTION_TOP + 1; key < SECTION_COUNT; key++)
        *top++ = (cfg_opt_t)CFG_SEC(sections[key].name, options[key],
                                    sections[key].title == NULL ? CFGF_NODEFAULT
                                                                : CFGF_MULTI | CFGF_TITLE);
    *top = end;
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return NULL;
    source->root = cfg_init(options[SECTION_TOP], CFGF_NONE);
    if (source->root != NULL)
        (void)cfg_set_error_function(source->root, source_on_error);
    if (source->root == NULL || cfg_parse_buf(source->root, text) != CFG_SUCCESS) {
        source_free(source);
        return NULL;
    }
    return source;
}

void source_free(struct source *source)
{
    if (source == NULL)
        return;
    if (source->root != NULL)
        (void)cfg_free(source->root);
    free(source);
}

static cfg_opt_t *source_option(struct source *source, const struct found *found,
                                const struct setting *setting)
{
    cfg_t *section = source->root;
    if (sections[found->key].title != NULL)
        section = cfg_gettsec(source->root, sections[found->key].name, found->title);
    else if (found->key != SECTION_TOP)
        section = cfg_getsec(source->root, sections[found->key].name);
    return section == NULL ? NULL : cfg_getopt(section, setting->name);
}

size_t source_count(struct source *source, const struct found *found, const struct setting *setting)
{
    cfg_opt_t *option = source_option(source, found, setting);
    return option == NULL ? 0 : cfg_opt_size(option);
}

const struct given *source_value(struct source *source, const struct found *found,
                                 const struct setting *setting, size_t index)
{
    return cfg_opt_getnptr(source_option(source, found, setting), (unsigned)index);
}
