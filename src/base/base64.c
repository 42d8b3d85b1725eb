/* Strict base64; see base64.h. */
#include "base/base64.h"

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of one digit, or -1. */
static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes one group of four; digits is 4, 3 or 2 (the rest was padding). */
static bool base64_decode_group(const uint8_t *group, int digits, struct strbuf *buf)
{
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++) {
        int value = i < digits ? base64_value(group[i]) : 0;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
    }
    if ((digits == 3 && (bits & 0xff) != 0) || (digits == 2 && (bits & 0xffff) != 0))
        return false;
    uint8_t octets[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
    strbuf_append_span(buf, span_make(octets, (size_t)(digits - 1)));
    return true;
}

bool base64_decode(struct span text, struct strbuf *buf)
{
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        const uint8_t *group = text.at + i;
        bool is_last = i + 4 == text.len;
        int digits = 4;
        if (is_last && group[3] == '=')
            digits = group[2] == '=' ? 2 : 3;
        if (!base64_decode_group(group, digits, buf))
            return false;
    }
    return !strbuf_failed(buf);
}

void base64_encode(struct span bytes, struct strbuf *buf)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = (uint32_t)bytes.at[i] << 16;
        if (have > 1)
            bits |= (uint32_t)bytes.at[i + 1] << 8;
        if (have > 2)
            bits |= bytes.at[i + 2];
        uint8_t group[4] = {'=', '=', '=', '='};
        for (size_t digit = 0; digit <= have; digit++)
            group[digit] = (uint8_t)base64_alphabet[bits >> (18 - 6 * digit) & 63];
        strbuf_append_span(buf, span_make(group, sizeof group));
    }
}
