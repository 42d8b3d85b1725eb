/* Collected mistakes; see mistakes.h. */
#include "config/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MISTAKE_OCTETS = 1024 };

void mistakes_add(struct mistakes *mistakes, int line, const char *format, ...)
{
    char text[MISTAKE_OCTETS];
    char *copy = NULL;
    if (mistakes->count < MISTAKES_MAX) {
        va_list arguments;
        va_start(arguments, format);
        int len = vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        copy = len < 0 ? NULL : strdup(text);
    }
    if (copy == NULL) {
        mistakes->more++;
        return;
    }
    mistakes->at[mistakes->count++] = (struct mistake){.line = line < 1 ? 1 : line, .text = copy};
}

/* Insertion keeps the order of what came first, and MISTAKES_MAX bounds the work. */
static void mistakes_sort(struct mistakes *mistakes)
{
    for (size_t i = 1; i < mistakes->count; i++) {
        struct mistake moved = mistakes->at[i];
        size_t to = i;
        for (; to > 0 && mistakes->at[to - 1].line > moved.line; to--)
            mistakes->at[to] = mistakes->at[to - 1];
        mistakes->at[to] = moved;
    }
}

void mistakes_print(struct mistakes *mistakes, const char *file, struct strbuf *buf)
{
    mistakes_sort(mistakes);
    for (size_t i = 0; i < mistakes->count; i++)
        strbuf_format(buf, "%s:%d: %s\n", file, mistakes->at[i].line, mistakes->at[i].text);
    if (mistakes->more > 0)
        strbuf_format(buf, "%s:%d: %zu more errors are not shown; correct those above first\n",
                      file, mistakes->count == 0 ? 1 : mistakes->at[mistakes->count - 1].line,
                      mistakes->more);
}

void mistakes_fini(struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++)
        free(mistakes->at[i].text);
    mistakes->count = 0;
    mistakes->more = 0;
}

const char *quote(struct quote *quote, struct span value)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    size_t shown = value.len < QUOTE_OCTETS ? value.len : QUOTE_OCTETS;
    quote->text[at++] = '"';
    for (size_t i = 0; i < shown; i++) {
        uint8_t c = value.at[i];
        if (c >= 0x20 && c < 0x7f) {
            quote->text[at++] = (char)c;
            continue;
        }
        quote->text[at++] = '\\';
        quote->text[at++] = 'x';
        quote->text[at++] = digits[c >> 4];
        quote->text[at++] = digits[c & 15];
    }
    if (shown < value.len)
        for (int dot = 0; dot < 3; dot++)
            quote->text[at++] = '.';
    quote->text[at++] = '"';
    quote->text[at] = '\0';
    return quote->text;
}
