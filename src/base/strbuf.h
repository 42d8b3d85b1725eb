/*
 * Text that we make ourselves. A strbuf grows on the heap up to a cap that its owner names; what
 * does not fit sets a sticky flag and is left out, so a writer appends freely and the owner tests
 * strbuf_failed() once, before the text is used. The content is always NUL-terminated.
 */
#ifndef POSTERN_BASE_STRBUF_H
#define POSTERN_BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"

struct strbuf {
    char *at;    /* owned; NULL until the first append */
    size_t len;  /* octets of content */
    size_t size; /* allocated */
    size_t cap;  /* most octets of content */
    bool failed; /* cap reached or memory out: content is not whole */
};

/* An empty strbuf for at most cap octets; needs no strbuf_init. */
#define STRBUF(cap_octets) ((struct strbuf){.cap = (cap_octets)})

void strbuf_init(struct strbuf *buf, size_t cap);

/* Frees the memory; the strbuf may be used again with the same cap. */
void strbuf_fini(struct strbuf *buf);

/* Wipes the memory before it frees it: for text that held a secret. */
void strbuf_wipe(struct strbuf *buf);

/* Empties it and clears the flag; keeps the memory. */
void strbuf_reset(struct strbuf *buf);

void strbuf_append_byte(struct strbuf *buf, uint8_t byte);
void strbuf_append_span(struct strbuf *buf, struct span bytes);
void strbuf_append(struct strbuf *buf, const char *text);
void strbuf_append_u64(struct strbuf *buf, uint64_t value);
void strbuf_append_hex(struct strbuf *buf, struct span bytes);
void strbuf_format(struct strbuf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Makes room for extra more octets now, so that the content does not move while no more than those
 * are appended and spans into it stay valid. False, with the flag set, when they can't fit.
 */
bool strbuf_reserve(struct strbuf *buf, size_t extra);

/* Keeps the first len octets (all when there are fewer). */
void strbuf_truncate(struct strbuf *buf, size_t len);

/* Drops the first len octets (all when there are fewer). */
void strbuf_consume(struct strbuf *buf, size_t len);

static inline bool strbuf_failed(const struct strbuf *buf)
{
    return buf->failed;
}

static inline struct span strbuf_span(const struct strbuf *buf)
{
    return span_make(buf->at, buf->len);
}

/* The content as a C string; "" when nothing was appended. Valid until the next change. */
static inline const char *strbuf_text(const struct strbuf *buf)
{
    return buf->at == NULL ? "" : buf->at;
}

#define auto_strbuf __attribute__((cleanup(strbuf_fini)))
#define auto_strbuf_wipe __attribute__((cleanup(strbuf_wipe)))

#endif
