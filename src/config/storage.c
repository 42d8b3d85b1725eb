/* Fields of the configuration: kept, printed, freed; see storage.h. Called by values.c. */
#include "config/storage.h"

#include <stdlib.h>

#include "config/config.h"
#include "config/duration.h"

/* A field is reached by its offset: offsets come from offsetof in settings.c, so they fit. */
static void *field_of(const struct setting *setting, void *base)
{
    return (uint8_t *)base + setting->offset;
}

static const void *field_in(const struct setting *setting, const void *base)
{
    return (const uint8_t *)base + setting->offset;
}

/* Makes room for one more entry; NULL: no memory, *list as it was. */
static void *list_extend(void **list, size_t count, size_t size)
{
    void *grown = reallocarray(*list, count + 1, size);
    if (grown != NULL)
        *list = grown;
    return grown;
}

/* --- Texts ----------------------------------------------------------------------------------- */

/* In quotes, unless it is a plain word that reads the same without. */
static void text_print(const char *prefix, const char *text, struct strbuf *buf)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:";
    size_t whole = strlen(text);
    bool is_plain = whole > 0 && strspn(text, plain) == whole && strncmp(text, "//", 2) != 0;
    if (!is_plain)
        strbuf_append_byte(buf, '"');
    strbuf_append(buf, prefix);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            strbuf_append_byte(buf, '\\');
        strbuf_append_byte(buf, (uint8_t)*at);
    }
    if (!is_plain)
        strbuf_append_byte(buf, '"');
}

static bool text_store(const struct setting *setting, void *base, struct value_out *value)
{
    char *copy = strdup(strbuf_text(&value->text));
    if (copy == NULL)
        return false;
    char **field = field_of(setting, base);
    free(*field);
    *field = copy;
    return true;
}

static void text_print_field(const struct config *config, const struct setting *setting,
                             const void *base, struct strbuf *buf)
{
    (void)config;
    char *const *field = field_in(setting, base);
    if (*field != NULL)
        text_print(setting->type->prefix, *field, buf);
}

static void text_drop(const struct setting *setting, void *base)
{
    char **field = field_of(setting, base);
    free(*field);
    *field = NULL;
}

const struct storage storage_text = {
    .store = text_store, .print = text_print_field, .drop = text_drop};

static bool texts_store(const struct setting *setting, void *base, struct value_out *value)
{
    struct config_strings *field = field_of(setting, base);
    char *copy = strdup(strbuf_text(&value->text));
    void *list = field->at;
    if (copy == NULL || list_extend(&list, field->count, sizeof *field->at) == NULL) {
        free(copy);
        return false;
    }
    field->at = list;
    field->at[field->count++] = copy;
    return true;
}

static void texts_print(const struct config *config, const struct setting *setting,
                        const void *base, struct strbuf *buf)
{
    (void)config;
    const struct config_strings *field = field_in(setting, base);
    for (size_t i = 0; i < field->count; i++) {
        strbuf_append(buf, i == 0 ? "{" : ", ");
        text_print(setting->type->prefix, field->at[i], buf);
    }
    if (field->count > 0)
        strbuf_append_byte(buf, '}');
}

static void texts_drop(const struct setting *setting, void *base)
{
    struct config_strings *field = field_of(setting, base);
    for (size_t i = 0; i < field->count; i++)
        free(field->at[i]);
    free(field->at);
    *field = (struct config_strings){.at = NULL};
}

const struct storage storage_texts = {
    .is_list = true, .store = texts_store, .print = texts_print, .drop = texts_drop};

/* --- Numbers --------------------------------------------------------------------------------- */

_Static_assert(sizeof(enum config_protocol) == sizeof(uint32_t), "enums are kept as numbers");

static bool number_store(const struct setting *setting, void *base, struct value_out *value)
{
    memcpy(field_of(setting, base), &value->number, sizeof value->number);
    return true;
}

void setting_set_number(const struct setting *setting, void *base, uint32_t value)
{
    memcpy(field_of(setting, base), &value, sizeof value);
}

uint32_t setting_number(const struct setting *setting, const void *base)
{
    uint32_t number;
    memcpy(&number, field_in(setting, base), sizeof number);
    return number;
}

static void number_print(const struct config *config, const struct setting *setting,
                         const void *base, struct strbuf *buf)
{
    (void)config;
    strbuf_append_u64(buf, setting_number(setting, base));
}

static void nothing_drop(const struct setting *setting, void *base)
{
    (void)setting;
    (void)base;
}

const struct storage storage_number = {
    .store = number_store, .print = number_print, .drop = nothing_drop};

static void duration_print_field(const struct config *config, const struct setting *setting,
                                 const void *base, struct strbuf *buf)
{
    (void)config;
    duration_print(setting_number(setting, base), buf);
}

const struct storage storage_duration = {
    .store = number_store, .print = duration_print_field, .drop = nothing_drop};

const char overdue_refuse[] = "refuse";

static void overdue_print(const struct config *config, const struct setting *setting, const void *base,
                          struct strbuf *buf)
{
    if (setting_number(setting, base) == 0)
        strbuf_append(buf, overdue_refuse);
    else
        duration_print_field(config, setting, base, buf);
}

const struct storage storage_overdue = {
    .store = number_store, .print = overdue_print, .drop = nothing_drop};

static void term_print(const struct config *config, const struct setting *setting, const void *base,
                       struct strbuf *buf)
{
    (void)config;
    strbuf_append(buf, term_name(setting->terms, setting_number(setting, base)));
}

const struct storage storage_term = {
    .store = number_store, .print = term_print, .drop = nothing_drop};

static bool bool_store(const struct setting *setting, void *base, struct value_out *value)
{
    *(bool *)field_of(setting, base) = value->number != 0;
    return true;
}

static void bool_print(const struct config *config, const struct setting *setting, const void *base,
                       struct strbuf *buf)
{
    (void)config;
    strbuf_append(buf, *(const bool *)field_in(setting, base) ? "yes" : "no");
}

const struct storage storage_bool = {
    .store = bool_store, .print = bool_print, .drop = nothing_drop};

static bool backend_store(const struct setting *setting, void *base, struct value_out *value)
{
    *(size_t *)field_of(setting, base) = value->number;
    return true;
}

static void backend_print(const struct config *config, const struct setting *setting,
                          const void *base, struct strbuf *buf)
{
    size_t index = *(const size_t *)field_in(setting, base);
    if (index < config->backend_count)
        strbuf_append(buf, config->backends[index].name);
}

const struct storage storage_backend = {
    .store = backend_store, .print = backend_print, .drop = nothing_drop};

/* --- Lists with their count apart ------------------------------------------------------------ */

static size_t *count_of(const struct setting *setting, void *base)
{
    return (size_t *)(void *)((uint8_t *)base + setting->count_offset);
}

static size_t count_in(const struct setting *setting, const void *base)
{
    return *(const size_t *)(const void *)((const uint8_t *)base + setting->count_offset);
}

/* Frees the array; its entries own nothing. The field is a pointer, of whatever type. */
static void counted_drop(const struct setting *setting, void *base)
{
    void *list;
    memcpy(&list, field_of(setting, base), sizeof list);
    free(list);
    memset(field_of(setting, base), 0, sizeof list);
    *count_of(setting, base) = 0;
}

static bool factors_store(const struct setting *setting, void *base, struct value_out *value)
{
    unsigned **field = field_of(setting, base);
    size_t *count = count_of(setting, base);
    void *list = *field;
    if (list_extend(&list, *count, sizeof **field) == NULL)
        return false;
    *field = list;
    (*field)[(*count)++] = value->number;
    return true;
}

static void factors_print_field(const struct config *config, const struct setting *setting,
                                const void *base, struct strbuf *buf)
{
    (void)config;
    unsigned *const *field = field_in(setting, base);
    size_t count = count_in(setting, base);
    for (size_t i = 0; i < count; i++) {
        strbuf_append(buf, i == 0 ? "{" : ", ");
        text_print(NULL, term_name(factor_terms, (*field)[i]), buf);
    }
    if (count > 0)
        strbuf_append_byte(buf, '}');
}

const struct storage storage_factors = {
    .is_list = true, .store = factors_store, .print = factors_print_field, .drop = counted_drop};

static bool prefixes_store(const struct setting *setting, void *base, struct value_out *value)
{
    struct ip_prefix **field = field_of(setting, base);
    size_t *count = count_of(setting, base);
    void *list = *field;
    if (list_extend(&list, *count, sizeof **field) == NULL)
        return false;
    *field = list;
    (*field)[(*count)++] = value->prefix;
    return true;
}

static void prefixes_print(const struct config *config, const struct setting *setting,
                           const void *base, struct strbuf *buf)
{
    (void)config;
    struct ip_prefix *const *field = field_in(setting, base);
    size_t count = count_in(setting, base);
    for (size_t i = 0; i < count; i++) {
        char text[IP_PREFIX_TEXT_SIZE];
        ip_prefix_format(&(*field)[i], text);
        strbuf_format(buf, "%s\"%s\"", i == 0 ? "{" : ", ", text);
    }
    if (count > 0)
        strbuf_append_byte(buf, '}');
}

const struct storage storage_prefixes = {
    .is_list = true, .store = prefixes_store, .print = prefixes_print, .drop = counted_drop};
