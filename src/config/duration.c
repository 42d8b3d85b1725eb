/* See duration.h. Called for values of the configuration and for options of commands. */
#include "config/duration.h"

#include "config/terms.h"

/* The largest first, with their milliseconds; the last is 1. */
static const struct term duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000},
                                             {"s", 1000},     {"ms", 1},      {NULL, 0}};

bool duration_read(struct span text, uint64_t *ret_ms)
{
    size_t digits = 0;
    uint64_t number;
    unsigned unit;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    if (!span_to_u64(span_first(text, digits), UINT32_MAX, &number) ||
        !term_find(duration_units, span_from(text, digits), &unit))
        return false;
    *ret_ms = number * unit;
    return true;
}

void duration_print(uint32_t ms, struct strbuf *buf)
{
    const struct term *unit = duration_units;
    while (ms % unit->value != 0)
        unit++;
    strbuf_format(buf, "%u%s", (unsigned)(ms / unit->value), unit->name);
}
