/*
 * Tests that what operators read knows every setting: conf/postern.conf (argument 1) and the manual
 * page (argument 2), each compared with the table of settings.
 */
#include "config_case.h"

#include <stdio.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/values.h"

enum { PAGE_OCTETS = 1 << 18 };

static const char *example_path;
static const char *manual_path;

static void read_page(const char *path, struct strbuf *page)
{
    char part[4096];
    size_t got;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while ((got = fread(part, 1, sizeof part, file)) > 0)
        strbuf_append_span(page, span_make(part, got));
    assert_int_equal(fclose(file), 0);
    assert_false(strbuf_failed(page));
}

/* --- The manual page ------------------------------------------------------------------------- */

/* From the section's heading to the next one. */
static struct span manual_section(const struct strbuf *page, const struct section *section)
{
    auto_strbuf struct strbuf heading = STRBUF(128);
    if (section->name[0] == '\0')
        strbuf_append(&heading, "\n.Ss Outside sections\n");
    else
        strbuf_format(&heading, "\n.Ss Section %s%s%s\n", section->name,
                      section->title == NULL ? "" : " ",
                      section->title == NULL ? "" : section->title);
    const char *start = strstr(strbuf_text(page), strbuf_text(&heading));
    assert_non_null(start);
    const char *end = strstr(start + heading.len, "\n.S");
    assert_non_null(end);
    return span_make(start, (size_t)(end - start));
}

static void test_manual_has_every_setting(void **state)
{
    (void)state;
    auto_strbuf struct strbuf page = STRBUF(PAGE_OCTETS);
    read_page(manual_path, &page);
    assert_null(strstr(strbuf_text(&page), "\nSETTINGS\n"));
    for (enum section_key key = SECTION_TOP; key < SECTION_COUNT; key++) {
        struct span section = manual_section(&page, &sections[key]);
        for (size_t i = 0; i < sections[key].setting_count; i++) {
            auto_strbuf struct strbuf item = STRBUF(128);
            strbuf_format(&item, "\n.It Ic %s\n", sections[key].settings[i].name);
            if (memmem(section.at, section.len, item.at, item.len) == NULL)
                fail_msg("postern.conf(5) has no %s in section %s", sections[key].settings[i].name,
                         sections[key].name);
        }
    }
}

/* --- The commented example ------------------------------------------------------------------- */

struct example {
    enum section_key key; /* of the line being read */
    bool seen[SECTION_COUNT][SETTINGS_MAX];
    bool is_example; /* the remark above says that the values are examples */
};

static void example_setting(struct example *example, struct span name, struct span value,
                            bool is_off)
{
    const struct section *section = &sections[example->key];
    size_t index = setting_find(section, name);
    if (index == section->setting_count)
        fail_msg("the example has %.*s in section %s", (int)name.len, (const char *)name.at,
                 section->name);
    example->seen[example->key][index] = true;
    if (!is_off || example->is_example)
        return;
    auto_strbuf struct strbuf text = STRBUF(256);
    strbuf_append_span(&text, value);
    if (!setting_is_default(&section->settings[index], strbuf_text(&text)))
        fail_msg("the example shows %s = %s, which is not the default",
                 section->settings[index].name, strbuf_text(&text));
}

static struct span without_spaces(struct span text)
{
    while (text.len > 0 && text.at[0] == ' ')
        text = span_from(text, 1);
    while (text.len > 0 && text.at[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* A remark begins with # and a space, a setting that is off with # and its name. */
static void example_line(struct example *example, struct span line)
{
    bool is_off = line.len > 1 && line.at[0] == '#' && (line.at[1] != ' ' || line.at[2] == ' ');
    bool is_remark = line.len > 1 && line.at[0] == '#' && !is_off;
    if (line.len == 0)
        example->is_example = false;
    if (is_remark && memmem(line.at, line.len, "Example", 7) != NULL)
        example->is_example = true;
    if (line.len == 0 || is_remark)
        return;
    struct span value = without_spaces(is_off ? span_from(line, 1) : line);
    struct span rest = value;
    enum section_key key = section_find(span_cut(&rest, ' '));
    if (span_has(value, '=')) {
        struct span name = without_spaces(span_cut(&value, '='));
        example_setting(example, name, without_spaces(value), is_off);
    } else if (key < SECTION_COUNT) {
        example->key = key;
        example->is_example = is_off;
    } else if (value.len > 0 && value.at[0] == '}') {
        example->key = SECTION_TOP;
    }
}

static void test_example_has_every_setting(void **state)
{
    (void)state;
    auto_strbuf struct strbuf page = STRBUF(PAGE_OCTETS);
    struct example example = {.key = SECTION_TOP};
    read_page(example_path, &page);
    const char *settings = strstr(strbuf_text(&page), "\n\n# The name under which");
    assert_non_null(settings);
    struct span rest = span_of(settings);
    while (rest.len > 0)
        example_line(&example, without_spaces(span_cut(&rest, '\n')));
    for (enum section_key key = SECTION_TOP; key < SECTION_COUNT; key++)
        for (size_t i = 0; i < sections[key].setting_count; i++)
            if (!example.seen[key][i])
                fail_msg("the example has no %s in section %s", sections[key].settings[i].name,
                         sections[key].name);
}

/* Makes the files that the example names, in a folder in the place of /etc/postern. */
static void make_files(const char *folder)
{
    static const char *const folders[] = {"", "/tls", "/ca"};
    static const char *const files[] = {"/tls/fullchain.pem", "/tls/privkey.pem", "/ca/ca.pem",
                                        "/master"};
    char path[128];
    for (size_t i = 1; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", folder, files[i]);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0600), 0);
    }
}

static void remove_files(const char *folder)
{
    static const char *const paths[] = {
        "/tls/fullchain.pem", "/tls/privkey.pem", "/ca/ca.pem", "/master", "/tls", "/ca", ""};
    char path[128];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", folder, paths[i]);
        (void)remove(path);
    }
}

/* The example with folder for /etc/postern and, if so wished, with the listener for STARTTLS
 * opened. */
static void move_example(const struct strbuf *page, const char *folder, bool opens_starttls,
                         struct strbuf *moved)
{
    static const char home[] = "/etc/postern";
    bool is_in_starttls = false;
    struct span rest = strbuf_span(page);
    while (rest.len > 0) {
        struct span line = span_cut(&rest, '\n');
        is_in_starttls |= span_starts_nocase(line, SPAN("#listener imap {"));
        bool is_end = span_equal(line, SPAN("#}"));
        if (is_in_starttls && opens_starttls && line.len > 0)
            line = span_from(line, 1);
        is_in_starttls &= !is_end;
        const uint8_t *at = memmem(line.at, line.len, home, sizeof home - 1);
        size_t before = at == NULL ? line.len : (size_t)(at - line.at);
        strbuf_append_span(moved, span_first(line, before));
        if (at != NULL) {
            strbuf_append(moved, folder);
            strbuf_append_span(moved, span_from(line, before + sizeof home - 1));
        }
        strbuf_append_byte(moved, '\n');
    }
}

static void expect_listeners(const struct strbuf *page, const char *folder, bool opens_starttls,
                             size_t listeners)
{
    auto_strbuf struct strbuf text = STRBUF(PAGE_OCTETS);
    auto_strbuf struct strbuf errors = STRBUF(PAGE_OCTETS);
    move_example(page, folder, opens_starttls, &text);
    struct config *config =
        config_read_text("postern.conf", strbuf_span(&text), CONFIG_FILES_CHECKED, &errors);
    assert_string_equal(strbuf_text(&errors), "");
    assert_int_equal(config->listener_count, listeners);
    assert_string_equal(config->listeners[0].binds.at[1], "[::]:993");
    config_free(config);
}

static void test_example_is_right(void **state)
{
    (void)state;
    char folder[] = "/tmp/postern-test-XXXXXX";
    auto_strbuf struct strbuf page = STRBUF(PAGE_OCTETS);
    read_page(example_path, &page);
    assert_non_null(mkdtemp(folder));
    make_files(folder);
    expect_listeners(&page, folder, false, 1);
    expect_listeners(&page, folder, true, 2);
    remove_files(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual_has_every_setting),
        cmocka_unit_test(test_example_has_every_setting),
        cmocka_unit_test(test_example_is_right),
    };
    if (argc != 3)
        return EXIT_FAILURE;
    example_path = argv[1];
    manual_path = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
