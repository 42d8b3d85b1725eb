/* Growing, capped text; see strbuf.h. */
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRBUF_FIRST_SIZE = 128 };

void strbuf_init(struct strbuf *buf, size_t cap)
{
    *buf = STRBUF(cap);
}

void strbuf_fini(struct strbuf *buf)
{
    free(buf->at);
    *buf = STRBUF(buf->cap);
}

void strbuf_wipe(struct strbuf *buf)
{
    if (buf->at != NULL)
        explicit_bzero(buf->at, buf->size);
    strbuf_fini(buf);
}

void strbuf_reset(struct strbuf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->at != NULL)
        buf->at[0] = '\0';
}

/*
 * Makes room for extra more octets and the NUL. Grows by a fresh block and wipes the old one, so
 * that a secret on its way through a strbuf leaves no copy behind in freed memory.
 */
bool strbuf_reserve(struct strbuf *buf, size_t extra)
{
    if (buf->failed || extra > buf->cap - buf->len) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + extra + 1;
    if (need <= buf->size)
        return true;
    size_t size = buf->size == 0 ? STRBUF_FIRST_SIZE : buf->size;
    while (size < need)
        size *= 2;
    if (size > buf->cap + 1)
        size = buf->cap + 1;
    char *grown = malloc(size);
    if (grown == NULL) {
        buf->failed = true;
        return false;
    }
    if (buf->at != NULL) {
        memcpy(grown, buf->at, buf->len + 1);
        explicit_bzero(buf->at, buf->size);
        free(buf->at);
    }
    buf->at = grown;
    buf->size = size;
    return true;
}

void strbuf_append_span(struct strbuf *buf, struct span bytes)
{
    if (bytes.len == 0 || !strbuf_reserve(buf, bytes.len))
        return;
    memcpy(buf->at + buf->len, bytes.at, bytes.len);
    buf->len += bytes.len;
    buf->at[buf->len] = '\0';
}

void strbuf_append_byte(struct strbuf *buf, uint8_t byte)
{
    strbuf_append_span(buf, span_make(&byte, 1));
}

void strbuf_append(struct strbuf *buf, const char *text)
{
    strbuf_append_span(buf, span_of(text));
}

void strbuf_append_u64(struct strbuf *buf, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    strbuf_append_span(buf, span_make(digits + at, sizeof digits - at));
}

void strbuf_append_hex(struct strbuf *buf, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t pair[2] = {(uint8_t)digits[bytes.at[i] >> 4], (uint8_t)digits[bytes.at[i] & 15]};
        strbuf_append_span(buf, span_make(pair, sizeof pair));
    }
}

void strbuf_format(struct strbuf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) {
        buf->failed = true;
        return;
    }
    if (!strbuf_reserve(buf, (size_t)len))
        return;
    va_start(arguments, format);
    (void)vsnprintf(buf->at + buf->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buf->len += (size_t)len;
}

void strbuf_truncate(struct strbuf *buf, size_t len)
{
    if (len >= buf->len)
        return;
    buf->len = len;
    buf->at[len] = '\0';
}

void strbuf_consume(struct strbuf *buf, size_t len)
{
    if (len >= buf->len) {
        buf->len = 0;
    } else {
        memmove(buf->at, buf->at + len, buf->len - len);
        buf->len -= len;
    }
    if (buf->at != NULL)
        buf->at[buf->len] = '\0';
}
