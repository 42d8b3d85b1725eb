/* Comparisons and cuts on spans; see span.h. */
#include "base/span.h"

bool span_equal_nocase(struct span a, struct span b)
{
    return a.len == b.len && span_starts_nocase(a, b);
}

bool span_starts_nocase(struct span whole, struct span head)
{
    if (whole.len < head.len)
        return false;
    for (size_t i = 0; i < head.len; i++)
        if (ascii_lower(whole.at[i]) != ascii_lower(head.at[i]))
            return false;
    return true;
}

size_t span_find(struct span whole, uint8_t c)
{
    const uint8_t *found = whole.len == 0 ? NULL : memchr(whole.at, c, whole.len);
    return found == NULL ? whole.len : (size_t)(found - whole.at);
}

struct span span_cut(struct span *rest, uint8_t separator)
{
    size_t at = span_find(*rest, separator);
    struct span head = span_first(*rest, at);
    *rest = at == rest->len ? SPAN_NONE : span_from(*rest, at + 1);
    return head;
}

bool span_to_u64(struct span digits, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (digits.len == 0)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(digits.at[i] - '0');
        if (value > max / 10 || value * 10 > max - digit)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}
