/*
 * A span is a view of bytes that somebody else owns; it is how bytes from the wire are passed
 * around. It is never NUL-terminated and may hold any octet.
 */
#ifndef POSTERN_BASE_SPAN_H
#define POSTERN_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *at;
    size_t len;
};

/* A span over a string literal, without its NUL. */
#define SPAN(literal) ((struct span){(const uint8_t *)("" literal), sizeof(literal) - 1})

/* The absent span: differs from an empty one, as NULL differs from "". */
#define SPAN_NONE ((struct span){NULL, 0})

static inline struct span span_make(const void *at, size_t len)
{
    return (struct span){at, len};
}

static inline struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

/* The part from offset on; empty when offset lies beyond the end. */
static inline struct span span_from(struct span whole, size_t offset)
{
    if (offset >= whole.len)
        return (struct span){whole.at == NULL ? NULL : whole.at + whole.len, 0};
    return (struct span){whole.at + offset, whole.len - offset};
}

/* The first len bytes, or all when there are fewer. */
static inline struct span span_first(struct span whole, size_t len)
{
    return (struct span){whole.at, len < whole.len ? len : whole.len};
}

/* Byte-wise equality; not for secrets (see secret.h). */
static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline uint8_t ascii_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Equality with ASCII letters folded, as IMAP, SMTP and POP3 compare keywords. */
bool span_equal_nocase(struct span a, struct span b);

/* True when whole begins with head, ASCII letters folded. */
bool span_starts_nocase(struct span whole, struct span head);

/* Offset of the first octet c, or whole.len when there is none. */
size_t span_find(struct span whole, uint8_t c);

/* True when some octet equals c. */
static inline bool span_has(struct span whole, uint8_t c)
{
    return span_find(whole, c) < whole.len;
}

/*
 * Cuts the text before the first separator off *rest and returns it; *rest keeps what follows the
 * separator. Without a separator the whole is returned and *rest becomes SPAN_NONE.
 */
struct span span_cut(struct span *rest, uint8_t separator);

/* Reads decimal digits to the span's end. False when empty, not all digits, or above max. */
bool span_to_u64(struct span digits, uint64_t max, uint64_t *ret_value);

#endif
