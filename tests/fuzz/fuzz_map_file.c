/*
 * Map files. Claims: what is read is read whole, or refused with the number of a line; a file of which
 * every row is doubled is refused; rows of comments before it change nothing but the numbers; memory and
 * OpenSSL's queue of errors stay as they were.
 */
#include <openssl/err.h>

#include "fuzz.h"
#include "pki/map_file.h"

enum { INPUT_MAX = 1 << 16 };

static const struct name_space everybody = {.domains = {NULL, 0}};
static const struct name_space few = {.domains = {(const uint8_t *)"example.org", 11}};

static void check_reason(const struct strbuf *why)
{
    struct span rest = strbuf_span(why);
    uint64_t number;
    invariant(span_to_u64(span_cut(&rest, ':'), UINT32_MAX, &number) && number > 0 && rest.len > 0);
}

/* Whether the text is taken with that before it. */
static bool takes(const char *before, struct span text, size_t times, const struct name_space *space)
{
    auto_strbuf struct strbuf whole = STRBUF(4 * INPUT_MAX);
    auto_strbuf struct strbuf why = STRBUF(512);
    strbuf_append(&whole, before);
    for (size_t i = 0; i < times; i++) {
        strbuf_append_span(&whole, text);
        strbuf_append_byte(&whole, '\n');
    }
    struct map_file *map = map_file_parse(strbuf_span(&whole), space, &why);
    invariant((map == NULL) == (why.len > 0));
    if (map == NULL)
        check_reason(&why);
    map_file_free(map);
    return map != NULL;
}

static bool has_rows(struct span text)
{
    while (text.at != NULL && text.len > 0) {
        struct span line = span_cut(&text, '\n');
        while (line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t' || line.at[0] == '\r'))
            line = span_from(line, 1);
        if (line.len > 0 && line.at[0] != '#')
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct span text = span_make(octets, len);
    if (len > INPUT_MAX)
        return 0;
    bool is_taken = takes("", text, 1, &everybody);
    invariant(takes("# one\n\n# two\r\n", text, 1, &everybody) == is_taken);
    invariant(is_taken || !takes("", text, 1, &few));
    if (is_taken && has_rows(text))
        invariant(!takes("", text, 2, &everybody));
    invariant(ERR_peek_error() == 0);
    return 0;
}
