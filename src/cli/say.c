/* See say.h. */
#include "cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

enum { SAY_LINE_MAX = 4096 };

static void say_octets(struct span text)
{
    while (text.len > 0) {
        size_t length = utf8_length(text);
        struct span character = span_first(text, length == 0 ? 1 : length);
        if (length > 0 && utf8_is_clean(character))
            (void)fwrite(character.at, 1, character.len, stderr);
        else
            for (size_t i = 0; i < character.len; i++)
                (void)fprintf(stderr, "\\x%02x", character.at[i]);
        text = span_from(text, character.len);
    }
}

void say(const char *format, ...)
{
    char line[SAY_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    (void)fputs("postern: ", stderr);
    say_octets(span_of(line));
    (void)fputc('\n', stderr);
}

bool say_flush(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return true;
    say("standard output: %s", strerror(errno));
    return false;
}
