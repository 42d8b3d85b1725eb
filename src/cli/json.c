/* See json.h. */
#include "cli/json.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"

void json_begin(struct json *json)
{
    *json = (struct json){.has_members = false};
    (void)putchar('{');
}

static void json_character(struct span character)
{
    if (character.at[0] == '"' || character.at[0] == '\\')
        (void)printf("\\%c", character.at[0]);
    else if (character.len == 1 && (character.at[0] < 0x20 || character.at[0] == 0x7f))
        (void)printf("\\u%04x", character.at[0]);
    else
        (void)fwrite(character.at, 1, character.len, stdout);
}

static void json_string(struct span text)
{
    (void)putchar('"');
    while (text.len > 0) {
        size_t length = utf8_length(text);
        if (length == 0)
            (void)fputs("\\ufffd", stdout);
        else
            json_character(span_first(text, length));
        text = span_from(text, length == 0 ? 1 : length);
    }
    (void)putchar('"');
}

static void json_key(struct json *json, const char *key)
{
    if (json->has_members)
        (void)fputs(", ", stdout);
    json->has_members = true;
    json_string(span_of(key));
    (void)fputs(": ", stdout);
}

void json_text(struct json *json, const char *key, struct span text)
{
    json_key(json, key);
    json_string(text);
}

void json_text_or_null(struct json *json, const char *key, struct span text)
{
    json_key(json, key);
    if (text.len == 0)
        (void)fputs("null", stdout);
    else
        json_string(text);
}

void json_number(struct json *json, const char *key, int64_t number)
{
    json_key(json, key);
    (void)printf("%lld", (long long)number);
}

void json_time(struct json *json, const char *key, int64_t wall_s)
{
    char text[CLOCK_TEXT_SIZE] = "";
    if (wall_s != 0)
        clock_format(wall_s, -1, text);
    json_text_or_null(json, key, span_of(text));
}

void json_end(struct json *json)
{
    (void)json;
    (void)fputs("}\n", stdout);
}
