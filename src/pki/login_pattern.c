/* Fits a certificate's field to a pattern; see login_pattern.h. Called from certificate_mapping.c. */
#include "pki/login_pattern.h"

bool login_pattern_is_one(struct span pattern)
{
    size_t stars = 0;
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.at[i] < 0x20 || pattern.at[i] >= 0x7f)
            return false;
        stars += pattern.at[i] == '*';
    }
    return stars == 1;
}

bool login_pattern_apply(struct span pattern, struct span login, struct span value, struct strbuf *name)
{
    struct span tail = pattern;
    struct span head = span_cut(&tail, '*');
    if (value.len <= head.len + tail.len)
        return false;
    struct span part = span_make(value.at + head.len, value.len - head.len - tail.len);
    if (!span_equal(span_first(value, head.len), head) ||
        !span_equal(span_from(value, value.len - tail.len), tail))
        return false;
    size_t before = name->len;
    struct span behind = login;
    strbuf_append_span(name, span_cut(&behind, '*'));
    strbuf_append_span(name, part);
    strbuf_append_span(name, behind);
    if (!strbuf_failed(name))
        return true;
    strbuf_truncate(name, before);
    return false;
}
