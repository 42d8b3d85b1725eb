/*
 * JSON for scripts: one object a line on standard output. Values are escaped; text that is not UTF-8
 * gets U+FFFD for what is not.
 */
#ifndef POSTERN_CLI_JSON_H
#define POSTERN_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct json {
    bool has_members;
};

/* An object is begun, given its members and ended in one go. */
void json_begin(struct json *json);
void json_text(struct json *json, const char *key, struct span text);
void json_number(struct json *json, const char *key, int64_t number);

/* RFC 3339 in UTC; null for 0. */
void json_time(struct json *json, const char *key, int64_t wall_s);

/* Text, or null when it is empty. */
void json_text_or_null(struct json *json, const char *key, struct span text);

void json_end(struct json *json);

#endif
