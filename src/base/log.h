/*
 * Log records: one line each on standard error, as text or JSON. A record has a time, the role that
 * wrote it, a level, the name of an event and fields; postern-events(7) fixes names and fields, and
 * a test compares them with the sources. Values may come from the wire: the printer escapes all that
 * is not printable ASCII, so one record is always one line. Low layers don't log: the layer that
 * knows what was being tried logs once.
 */
#ifndef POSTERN_BASE_LOG_H
#define POSTERN_BASE_LOG_H

#include <stdint.h>

#include "base/ip.h"
#include "base/span.h"
#include "base/strbuf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum {
    LOG_RECORD_MAX = 3584, /* under PIPE_BUF with room to spare: a record is written whole */
    LOG_VALUE_MAX = 512,   /* octets of one value that are printed */
};

/* Names the writer ("gate", 2): once, at start. number < 0: the role has only one process. */
void log_open(const char *role, int number, enum log_format format);

/* The format in use, for handing on to a child. */
enum log_format log_current_format(void);

struct log_record {
    struct strbuf line;
};

/*
 * A record is begun, given its fields and ended by one function in one go:
 *
 *     struct log_record record;
 *     log_begin(&record, LOG_INFO, "session_ended");
 *     log_id(&record, "session", id);
 *     log_text(&record, "reason", "kicked");
 *     log_end(&record);
 */
void log_begin(struct log_record *record, enum log_level level, const char *event);
void log_text(struct log_record *record, const char *key, const char *value);
void log_span(struct log_record *record, const char *key, struct span value);
void log_number(struct log_record *record, const char *key, int64_t value);
void log_id(struct log_record *record, const char *key, uint64_t id); /* 16 hex digits */
void log_ip(struct log_record *record, const char *key, const struct ip *ip);
void log_errno(struct log_record *record, int error); /* field "error": the text of errno */
void log_end(struct log_record *record);

/* A record with one field "text" and no more: for start and configuration errors. */
void log_sentence(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
