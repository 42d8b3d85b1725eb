/*
 * postern.conf as a hostile hand may write it; files that it names are not looked at. Claims: the
 * scan and libconfuse never take one text in two ways; a text is either accepted without a word or
 * refused with lines that name a line of it, in order, in printable ASCII; and what --explain
 * prints of an accepted one means the same when it is read again.
 */
#include "config/explain.h"
#include "config/reading.h"
#include "fuzz.h"

enum { REPORT_OCTETS = 1 << 20, EXPLAIN_OCTETS = 4 << 20 };

static uint64_t count_lines(struct span text)
{
    uint64_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n';
    return lines;
}

/* At the end of a line: before it, a quoted value may spell the same. */
static bool says_two_ways(struct span line)
{
    struct span sentence = SPAN(READ_TWO_WAYS);
    return line.len >= sentence.len &&
           span_equal(span_from(line, line.len - sentence.len), sentence);
}

static void check_errors(struct span errors, uint64_t lines)
{
    uint64_t last = 1;
    invariant(errors.len > 0 && errors.at[errors.len - 1] == '\n');
    while (errors.len > 0) {
        struct span line = span_cut(&errors, '\n');
        invariant(span_equal(span_cut(&line, ':'), SPAN("f")));
        uint64_t number = 0;
        invariant(span_to_u64(span_cut(&line, ':'), lines, &number) && number >= last);
        last = number;
        invariant(!says_two_ways(line));
        for (size_t i = 0; i < line.len; i++)
            invariant(line.at[i] >= ' ' && line.at[i] < 0x7f);
    }
}

/* As in the file, but without its machine: the same text gives the same twice. */
static void check_explained(const struct config *config)
{
    auto_strbuf struct strbuf errors = STRBUF(REPORT_OCTETS);
    auto_strbuf struct strbuf first = STRBUF(EXPLAIN_OCTETS);
    auto_strbuf struct strbuf second = STRBUF(EXPLAIN_OCTETS);
    config_explain(config, &first);
    invariant(!strbuf_failed(&first));
    struct config *again =
        config_read_text("f", strbuf_span(&first), CONFIG_FILES_ASSUMED, &errors);
    invariant(again != NULL);
    config_explain(again, &second);
    invariant(span_equal(strbuf_span(&first), strbuf_span(&second)));
    config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct span text = span_make(octets, len);
    auto_strbuf struct strbuf errors = STRBUF(REPORT_OCTETS);
    if (len > CONFIG_FILE_MAX)
        return 0;
    struct config *config = config_read_text("f", text, CONFIG_FILES_ASSUMED, &errors);
    invariant(!strbuf_failed(&errors));
    if (config == NULL) {
        check_errors(strbuf_span(&errors), count_lines(text));
    } else {
        invariant(errors.len == 0);
        check_explained(config);
    }
    config_free(config);
    return 0;
}
