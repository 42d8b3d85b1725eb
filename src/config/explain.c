/* Settings in force; see explain.h. Called by check-config. */
#include "config/explain.h"

#include "config/reading.h"
#include "config/values.h"

/* Width of "NAME = VALUE" before the remark that it is the default. */
enum { EXPLAIN_REMARK_AT = 56, EXPLAIN_LINE_OCTETS = 1 << 16 };

static void explain_setting(const struct config *config, const struct setting *setting,
                            const void *base, const char *indent, struct strbuf *buf)
{
    auto_strbuf struct strbuf value = STRBUF(EXPLAIN_LINE_OCTETS);
    value_print(config, setting, base, &value);
    if (value.len == 0)
        return;
    size_t start = buf->len;
    strbuf_format(buf, "%s%s = ", indent, setting->name);
    strbuf_append_span(buf, strbuf_span(&value));
    if (setting_is_default(setting, strbuf_text(&value))) {
        size_t width = buf->len - start;
        strbuf_format(buf, "%*s# default",
                      width < EXPLAIN_REMARK_AT ? (int)(EXPLAIN_REMARK_AT - width) : 1, "");
    }
    strbuf_append_byte(buf, '\n');
}

static void explain_settings(const struct config *config, enum section_key key, const void *base,
                             const char *indent, struct strbuf *buf)
{
    for (size_t i = 0; i < sections[key].setting_count; i++)
        explain_setting(config, &sections[key].settings[i], base, indent, buf);
}

static void explain_section(const struct config *config, enum section_key key, const void *base,
                            const char *title, struct strbuf *buf)
{
    strbuf_format(buf, "\n%s%s%s {\n", sections[key].name, title == NULL ? "" : " ",
                  title == NULL ? "" : title);
    explain_settings(config, key, base, "  ", buf);
    strbuf_append(buf, "}\n");
}

void config_explain(const struct config *config, struct strbuf *buf)
{
    explain_settings(config, SECTION_TOP, config, "", buf);
    explain_section(config, SECTION_TLS, &config->tls, NULL, buf);
    for (size_t i = 0; i < config->client_ca_count; i++)
        explain_section(config, SECTION_CLIENT_CA, &config->client_cas[i], config->client_cas[i].name,
                        buf);
    explain_section(config, SECTION_LOGIN, &config->login, NULL, buf);
    explain_section(config, SECTION_LIMITS, &config->limits, NULL, buf);
    explain_section(config, SECTION_JOURNAL, &config->journal, NULL, buf);
    for (size_t i = 0; i < config->backend_count; i++)
        explain_section(config, SECTION_BACKEND, &config->backends[i], config->backends[i].name,
                        buf);
    for (size_t i = 0; i < config->listener_count; i++)
        explain_section(config, SECTION_LISTENER, &config->listeners[i], config->listeners[i].name,
                        buf);
    for (size_t i = 0; i < config->group_count; i++)
        explain_section(config, SECTION_GROUP, &config->groups[i], config->groups[i].name, buf);
    for (size_t i = 0; i < config->login_rule_count; i++)
        explain_section(config, SECTION_LOGIN_RULE, &config->login_rules[i],
                        config->login_rules[i].name, buf);
}
