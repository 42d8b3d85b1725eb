/*
 * What is wrong with a configuration: collected while it is read and checked, printed once, in the
 * order of the lines. Bounded: beyond MISTAKES_MAX they are only counted.
 */
#ifndef POSTERN_CONFIG_MISTAKES_H
#define POSTERN_CONFIG_MISTAKES_H

#include <stddef.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum { MISTAKES_MAX = 200 };

struct mistake {
    int line;
    char *text; /* owned; "what is wrong; what to write" */
};

struct mistakes {
    struct mistake at[MISTAKES_MAX];
    size_t count; /* kept */
    size_t more;  /* not kept, for want of room or memory */
};

/* Adds one; format is "what is wrong; what to write", one line, whose arguments are printable. */
void mistakes_add(struct mistakes *mistakes, int line, const char *format, ...) PRINTF_LIKE(3, 4);

/* Appends "FILE:LINE: text" lines, sorted by line; those of one line in the order in which they
 * came. */
void mistakes_print(struct mistakes *mistakes, const char *file, struct strbuf *buf);

void mistakes_fini(struct mistakes *mistakes);

/*
 * A value of the file as it may stand in a message: in quotes, what is not printable ASCII as \xNN,
 * cut after QUOTE_OCTETS.
 */
enum { QUOTE_OCTETS = 64 };

struct quote {
    char text[QUOTE_OCTETS * 4 + 8];
};

const char *quote(struct quote *quote, struct span value);

#endif
