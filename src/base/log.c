/* Writes log records to standard error; see log.h. */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* The one global of the tree: who writes, and how. */
static struct {
    char writer[32];
    enum log_format format;
} logger = {.writer = "postern", .format = LOG_FORMAT_TEXT};

static const char *const log_level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

void log_open(const char *role, int number, enum log_format format)
{
    if (number < 0)
        (void)snprintf(logger.writer, sizeof logger.writer, "%s", role);
    else
        (void)snprintf(logger.writer, sizeof logger.writer, "%s/%d", role, number);
    logger.format = format;
}

enum log_format log_current_format(void)
{
    return logger.format;
}

/* Appends a value between quotes; what is not printable ASCII becomes \u00XX (JSON) or \xXX. */
static void log_append_quoted(struct strbuf *line, struct span value)
{
    struct span shown = span_first(value, LOG_VALUE_MAX);
    strbuf_append_byte(line, '"');
    for (size_t i = 0; i < shown.len; i++) {
        uint8_t c = shown.at[i];
        if (c == '"' || c == '\\')
            strbuf_format(line, "\\%c", c);
        else if (c >= 0x20 && c < 0x7f)
            strbuf_append_byte(line, c);
        else
            strbuf_format(line, logger.format == LOG_FORMAT_JSON ? "\\u00%02x" : "\\x%02x", c);
    }
    if (shown.len < value.len)
        strbuf_append(line, "...");
    strbuf_append_byte(line, '"');
}

/* True when a text value needs no quotes: nothing in it could be taken for another field. */
static bool log_is_plain(struct span value)
{
    if (value.len == 0 || value.len > LOG_VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return true;
}

static void log_append_key(struct strbuf *line, const char *key)
{
    if (logger.format == LOG_FORMAT_JSON)
        strbuf_format(line, ",\"%s\":", key);
    else
        strbuf_format(line, " %s=", key);
}

void log_begin(struct log_record *record, enum log_level level, const char *event)
{
    char now[CLOCK_TEXT_SIZE];
    clock_format_now(now);
    strbuf_init(&record->line, LOG_RECORD_MAX);
    if (logger.format == LOG_FORMAT_JSON)
        strbuf_format(&record->line,
                      "{\"time\":\"%s\",\"writer\":\"%s\",\"pid\":%d,\"level\":\"%s\",\"event\":\"%s\"",
                      now, logger.writer, (int)getpid(), log_level_names[level], event);
    else
        strbuf_format(&record->line, "%s %s[%d] %s %s", now, logger.writer, (int)getpid(),
                      log_level_names[level], event);
}

void log_span(struct log_record *record, const char *key, struct span value)
{
    /* The longest form a value can take; a field that would not fit whole is left out. */
    size_t worst = span_first(value, LOG_VALUE_MAX).len * 6 + strlen(key) + 16;
    if (record->line.cap - record->line.len < worst)
        return;
    log_append_key(&record->line, key);
    if (logger.format == LOG_FORMAT_TEXT && log_is_plain(value))
        strbuf_append_span(&record->line, value);
    else
        log_append_quoted(&record->line, value);
}

void log_text(struct log_record *record, const char *key, const char *value)
{
    log_span(record, key, span_of(value));
}

void log_number(struct log_record *record, const char *key, int64_t value)
{
    log_append_key(&record->line, key);
    strbuf_format(&record->line, "%lld", (long long)value);
}

void log_id(struct log_record *record, const char *key, uint64_t id)
{
    char text[17];
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)id);
    log_text(record, key, text);
}

void log_ip(struct log_record *record, const char *key, const struct ip *ip)
{
    char text[IP_TEXT_SIZE];
    ip_format(ip, text);
    log_text(record, key, text);
}

void log_errno(struct log_record *record, int error)
{
    char text[128];
    log_text(record, "error", strerror_r(error, text, sizeof text));
}

void log_end(struct log_record *record)
{
    if (strbuf_failed(&record->line)) {
        /* Only a field of ours that was too long can lead here; keep the line well-formed. */
        strbuf_reset(&record->line);
        strbuf_append(&record->line, logger.format == LOG_FORMAT_JSON ? "{\"event\":\"record_too_long\""
                                                                      : "record_too_long");
    }
    record->line.cap += 2;
    strbuf_append(&record->line, logger.format == LOG_FORMAT_JSON ? "}\n" : "\n");
    ssize_t ignored = write(STDERR_FILENO, strbuf_text(&record->line), record->line.len);
    (void)ignored;
    strbuf_fini(&record->line);
}

void log_sentence(enum log_level level, const char *event, const char *format, ...)
{
    char text[LOG_VALUE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct log_record record;
    log_begin(&record, level, event);
    log_text(&record, "text", text);
    log_end(&record);
}
