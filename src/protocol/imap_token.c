/* Characters, quoted strings and literal announcements of IMAP; see imap_token.h. */
#include "protocol/imap_token.h"

#include "protocol/imap_command.h"

bool imap_is_atom_char(uint8_t c)
{
    return c > ' ' && c < 0x7f && memchr("(){%*\"\\]", c, 8) == NULL;
}

bool imap_is_astring_char(uint8_t c)
{
    return c == ']' || imap_is_atom_char(c);
}

bool imap_is_tag(struct span text)
{
    if (text.len == 0 || text.len > IMAP_TAG_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == '+' || !imap_is_astring_char(text.at[i]))
            return false;
    return true;
}

size_t imap_quoted_length(struct span text)
{
    if (text.len == 0 || text.at[0] != '"')
        return 0;
    for (size_t i = 1; i < text.len; i++) {
        switch (text.at[i]) {
        case '"':
            return i + 1;
        case '\\':
            i++;
            if (i == text.len || (text.at[i] != '"' && text.at[i] != '\\'))
                return 0;
            break;
        case '\0':
        case '\r':
        case '\n':
            return 0;
        default:
            break;
        }
    }
    return 0;
}

bool imap_literal_parse(struct span text, struct imap_literal *ret_literal)
{
    if (text.len == 0 || text.at[0] != '{')
        return false;
    struct span rest = span_from(text, 1);
    size_t digits = 0;
    while (digits < rest.len && rest.at[digits] >= '0' && rest.at[digits] <= '9')
        digits++;
    uint64_t size;
    if (digits > IMAP_LITERAL_DIGITS_MAX ||
        !span_to_u64(span_first(rest, digits), UINT32_MAX, &size))
        return false;
    rest = span_from(rest, digits);
    bool has_plus = rest.len > 0 && rest.at[0] == '+';
    if (has_plus)
        rest = span_from(rest, 1);
    if (rest.len == 0 || rest.at[0] != '}')
        return false;
    *ret_literal = (struct imap_literal){.size = size,
                                         .announced_len = text.len - rest.len + 1,
                                         .is_synchronising = !has_plus};
    return true;
}
