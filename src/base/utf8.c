/* Well-formed UTF-8, as Unicode table 3-7 lists it; see utf8.h. */
#include "base/utf8.h"

/* First octets, how many follow, and what the second one may be. */
static const struct {
    uint8_t first_low;
    uint8_t first_high;
    uint8_t length;
    uint8_t second_low;
    uint8_t second_high;
} utf8_forms[] = {
    {0x00, 0x7f, 1, 0x00, 0x00}, {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static bool utf8_continues(struct span text, size_t length)
{
    for (size_t i = 2; i < length; i++)
        if ((text.at[i] & 0xc0) != 0x80)
            return false;
    return true;
}

size_t utf8_length(struct span text)
{
    if (text.len == 0)
        return 0;
    for (size_t i = 0; i < sizeof utf8_forms / sizeof utf8_forms[0]; i++) {
        size_t length = utf8_forms[i].length;
        if (text.at[0] < utf8_forms[i].first_low || text.at[0] > utf8_forms[i].first_high)
            continue;
        if (length == 1)
            return 1;
        if (text.len < length || text.at[1] < utf8_forms[i].second_low ||
            text.at[1] > utf8_forms[i].second_high || !utf8_continues(text, length))
            return 0;
        return length;
    }
    return 0;
}

bool utf8_is_clean(struct span text)
{
    while (text.len > 0) {
        size_t length = utf8_length(text);
        bool is_control = length == 1 ? text.at[0] < 0x20 || text.at[0] == 0x7f
                                      : length == 2 && text.at[0] == 0xc2 && text.at[1] < 0xa0;
        if (length == 0 || is_control)
            return false;
        text = span_from(text, length);
    }
    return true;
}
