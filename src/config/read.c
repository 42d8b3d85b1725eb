/*
 * From the file to struct config; see config.h and reading.h. Called by the supervisor at start and
 * on reload, and by check-config.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "config/check.h"
#include "config/config.h"
#include "config/scan.h"
#include "config/source.h"
#include "config/values.h"

enum { HOST_NAME_OCTETS = 255 };

/* --- Values and sections
 * -------------------------------------------------------------------------- */

/* Reads one value's text; false after a mistake. */
static bool read_value(struct reading *reading, const struct setting *setting, const char *text,
                       int line, void *base)
{
    struct value_in in = {
        .reading = reading, .setting = setting, .text = span_of(text), .line = line};
    return value_read(&in, base);
}

/* A list travels to the roles as one text: its entries together have a limit. */
static void read_list_size(struct reading *reading, const struct setting *setting, size_t octets,
                           int line)
{
    if (setting->octets > 0 && octets > setting->octets)
        mistakes_add(&reading->mistakes, line,
                     "%s has values of %zu octets together; write at most %zu", setting->name,
                     octets, setting->octets);
}

static void read_given(struct reading *reading, struct source *source, struct found *found,
                       size_t index, void *base)
{
    const struct setting *setting = &sections[found->key].settings[index];
    size_t octets = 0;
    size_t count = source_count(source, found, setting);
    if (count != found->entries[index]) {
        mistakes_add(&reading->mistakes, found->setting_lines[index], "%s " READ_TWO_WAYS,
                     setting->name);
        found->is_bad[index] = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct given *given = source_value(source, found, setting, i);
        if (!read_value(reading, setting, given->text, given->line, base))
            found->is_bad[index] = true;
        octets += strlen(given->text) + 1;
    }
    read_list_size(reading, setting, octets, found->setting_lines[index]);
    if (count == 0 && setting->is_required && !found->is_bad[index])
        mistakes_add(&reading->mistakes, found->setting_lines[index],
                     "%s is an empty list; write at least one value", setting->name);
}

/* found->line is 0 for a section that is not there at all: that was said once. */
static void read_missing(struct reading *reading, const struct found *found,
                         const struct setting *setting)
{
    const struct section *section = &sections[found->key];
    bool is_titled = found->title[0] != '\0';
    if (found->line == 0)
        return;
    mistakes_add(&reading->mistakes, found->line, "section %s%s%s has no %s; write %s = ...",
                 section->name, is_titled ? " " : "", found->title, setting->name, setting->name);
}

/*
 * Reads the section into its struct: what is given, else the default, else it may have to be
 * given.
 */
static void read_section(struct reading *reading, struct source *source, struct found *found,
                         void *base)
{
    const struct section *section = &sections[found->key];
    for (size_t i = 0; i < section->setting_count; i++) {
        const struct setting *setting = &section->settings[i];
        if (found->setting_lines[i] != 0 && !found->is_bad[i])
            read_given(reading, source, found, i, base);
        else if (setting->standard != NULL &&
                 !read_value(reading, setting, setting->standard, found->line, base))
            found->is_bad[i] = true;
        else if (found->setting_lines[i] == 0 && setting->is_required)
            read_missing(reading, found, setting);
    }
}

/* --- What can't be a default in the table
 * --------------------------------------------------------- */

static void read_hostname(struct reading *reading)
{
    char name[HOST_NAME_OCTETS + 1] = "";
    struct quote quoted;
    struct found *top = &reading->found[0];
    size_t index = found_setting(top, "hostname");
    if (top->setting_lines[index] != 0)
        return;
    if (gethostname(name, sizeof name - 1) == 0 && strchr(name, '.') != NULL) {
        (void)read_value(reading, &sections[SECTION_TOP].settings[index], name, 1, reading->config);
        return;
    }
    mistakes_add(
        &reading->mistakes, 1,
        "hostname is missing, and the machine's own name %s has no domain; write hostname = "
        "mail.example.org",
        quote(&quoted, span_of(name)));
}

/* --- From text to configuration
 * ------------------------------------------------------------------- */

static size_t found_number(const struct reading *reading, enum section_key key)
{
    size_t count = 0;
    for (size_t i = 0; i < reading->found_count; i++)
        count += reading->found[i].key == key;
    return count;
}

/* A section that is not in the file has its defaults nonetheless. */
static void reading_add_absent(struct reading *reading)
{
    for (enum section_key key = SECTION_TOP + 1; key < SECTION_COUNT; key++)
        if (sections[key].title == NULL && reading_find(reading, key, NULL) == NULL)
            reading->found[reading->found_count++] = (struct found){.key = key, .line = 0};
    if (reading_find(reading, SECTION_TLS, NULL)->line == 0)
        mistakes_add(&reading->mistakes, 1,
                     "there is no section tls; write tls {...} with certificate and key");
}

static bool section_name(const struct found *found, char **name, int *line)
{
    *line = found->line;
    *name = strdup(found->title);
    return *name != NULL;
}

/* Names the next of its kind, where it has a title. False: no memory. */
static bool reading_name(struct config *config, const struct found *found)
{
    struct config_client_ca *client_ca = &config->client_cas[config->client_ca_count];
    struct config_backend *backend = &config->backends[config->backend_count];
    struct config_listener *listener = &config->listeners[config->listener_count];
    struct config_group *group = &config->groups[config->group_count];
    struct config_login_rule *login_rule = &config->login_rules[config->login_rule_count];
    config->client_ca_count += found->key == SECTION_CLIENT_CA;
    config->backend_count += found->key == SECTION_BACKEND;
    config->listener_count += found->key == SECTION_LISTENER;
    config->group_count += found->key == SECTION_GROUP;
    config->login_rule_count += found->key == SECTION_LOGIN_RULE;
    if (found->key == SECTION_CLIENT_CA)
        return section_name(found, &client_ca->name, &client_ca->line);
    if (found->key == SECTION_BACKEND)
        return section_name(found, &backend->name, &backend->line);
    if (found->key == SECTION_LISTENER)
        return section_name(found, &listener->name, &listener->line);
    if (found->key == SECTION_GROUP)
        return section_name(found, &group->name, &group->line);
    if (found->key == SECTION_LOGIN_RULE)
        return section_name(found, &login_rule->name, &login_rule->line);
    return true;
}

/* Makes room for the titled sections and names them. False: no memory. */
static bool reading_make_room(struct reading *reading)
{
    struct config *config = reading->config;
    size_t client_cas = found_number(reading, SECTION_CLIENT_CA);
    size_t backends = found_number(reading, SECTION_BACKEND);
    size_t listeners = found_number(reading, SECTION_LISTENER);
    size_t groups = found_number(reading, SECTION_GROUP);
    size_t login_rules = found_number(reading, SECTION_LOGIN_RULE);
    config->client_cas = calloc(client_cas + 1, sizeof *config->client_cas);
    config->backends = calloc(backends + 1, sizeof *config->backends);
    config->listeners = calloc(listeners + 1, sizeof *config->listeners);
    config->groups = calloc(groups + 1, sizeof *config->groups);
    config->login_rules = calloc(login_rules + 1, sizeof *config->login_rules);
    if (config->client_cas == NULL || config->backends == NULL || config->listeners == NULL ||
        config->groups == NULL || config->login_rules == NULL)
        return false;
    for (size_t i = 0; i < reading->found_count; i++)
        if (!reading_name(config, &reading->found[i]))
            return false;
    return true;
}

static void read_sections(struct reading *reading, struct source *source)
{
    size_t number[SECTION_COUNT] = {0};
    for (size_t i = 0; i < reading->found_count; i++) {
        struct found *found = &reading->found[i];
        void *base = config_section(reading->config, found->key, number[found->key]++);
        read_section(reading, source, found, base);
    }
    read_hostname(reading);
    check_all(reading);
}

/* text is a copy that the scan may blank. */
static void read_text(struct reading *reading, char *text, size_t len)
{
    if (!scan(reading, text, len))
        return;
    reading_add_absent(reading);
    struct source *source = source_new(text);
    if (source == NULL)
        mistakes_add(&reading->mistakes, 1, "the file " READ_TWO_WAYS);
    else if (!reading_make_room(reading))
        mistakes_add(&reading->mistakes, 1, "the file does not fit into memory; free some");
    else
        read_sections(reading, source);
    source_free(source);
}

struct config *config_read_text(const char *file, struct span text, enum config_files files,
                                struct strbuf *ret_errors)
{
    struct reading *reading = calloc(1, sizeof *reading);
    struct config *config = calloc(1, sizeof *config);
    char *copy = malloc(text.len + 1);
    if (reading == NULL || config == NULL || copy == NULL ||
        (config->file = strdup(file)) == NULL) {
        strbuf_format(ret_errors, "%s:1: there is no memory to read it; free some\n", file);
        config_free(config);
        config = NULL;
    } else {
        if (text.len > 0)
            memcpy(copy, text.at, text.len);
        copy[text.len] = '\0';
        reading->config = config;
        reading->files = files;
        read_text(reading, copy, text.len);
        if (reading->mistakes.count + reading->mistakes.more > 0) {
            mistakes_print(&reading->mistakes, file, ret_errors);
            config_free(config);
            config = NULL;
        }
        mistakes_fini(&reading->mistakes);
    }
    free(copy);
    free(reading);
    return config;
}

/* Reads the whole file into *ret_text; false with *ret_fault saying why not and what to do. */
static bool read_file(const char *file, struct strbuf *ret_text, const char **ret_fault)
{
    auto_close int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    char part[4096];
    if (fd < 0 || fstat(fd, &status) != 0) {
        *ret_fault = strerrordesc_np(errno);
        return false;
    }
    *ret_fault = S_ISREG(status.st_mode) ? NULL : "it is not a regular file";
    while (*ret_fault == NULL) {
        ssize_t got = read(fd, part, sizeof part);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            *ret_fault = strerrordesc_np(errno);
        if (got > 0)
            strbuf_append_span(ret_text, span_make(part, (size_t)got));
        if (strbuf_failed(ret_text))
            *ret_fault = "it is larger than 1 MiB";
    }
    return false;
}

struct config *config_read(const char *file, struct strbuf *ret_errors)
{
    auto_strbuf struct strbuf text = STRBUF(CONFIG_FILE_MAX);
    const char *fault;
    if (read_file(file, &text, &fault))
        return config_read_text(file, strbuf_span(&text), CONFIG_FILES_CHECKED, ret_errors);
    strbuf_format(ret_errors, "%s:1: the configuration can't be read: %s; name a file that can\n",
                  file, fault);
    return NULL;
}
