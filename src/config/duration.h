/* Durations as people write them: digits and a unit without a space. The one reader of them. */
#ifndef POSTERN_CONFIG_DURATION_H
#define POSTERN_CONFIG_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Reads 500ms, 90s, 5min, 2h or 1d, to the end of the text. False for anything else. */
bool duration_read(struct span text, uint64_t *ret_ms) MUST_USE;

/* Appends a duration in the largest unit that fits: 90s, 2min, 1500ms. */
void duration_print(uint32_t ms, struct strbuf *buf);

#endif
