/* What may be shown to people: text in UTF-8. */
#ifndef POSTERN_BASE_UTF8_H
#define POSTERN_BASE_UTF8_H

#include <stdbool.h>

#include "base/span.h"

/* The length of the well-formed character at the span's beginning (Unicode table 3-7); 0: none. */
size_t utf8_length(struct span text);

/* True when all of it is well-formed UTF-8 without control characters (C0, DEL, C1). */
bool utf8_is_clean(struct span text);

#endif
