/*
 * What an IMAP backend says before login. Claims: the responses are the same however the octets are
 * cut; no part of one holds what could end a line; the filtered capabilities are some of those that
 * were offered, none of the hidden ones, and filter to themselves.
 */
#include "fuzz.h"
#include "protocol/imap_response.h"

enum { LOG_MAX = 1 << 24 };

static void log_part(struct strbuf *log, struct span part)
{
    for (size_t i = 0; i < part.len; i++)
        invariant(part.at[i] != '\r' && part.at[i] != '\n' && part.at[i] != '\0');
    strbuf_append_byte(log, part.at == NULL ? '-' : '=');
    strbuf_append_u64(log, part.len);
    strbuf_append_byte(log, ' ');
    strbuf_append_span(log, part);
}

static void check_filter(struct span capabilities)
{
    static const char *const hidden[] = {"STARTTLS", "LOGINDISABLED", "AUTH=PLAIN", "SASL-IR",
                                         "UNAUTHENTICATE"};
    auto_strbuf struct strbuf once = STRBUF(IMAP_RESPONSE_MAX);
    auto_strbuf struct strbuf twice = STRBUF(IMAP_RESPONSE_MAX);
    imap_capability_filter(capabilities, &once);
    imap_capability_filter(strbuf_span(&once), &twice);
    invariant(!strbuf_failed(&once));
    invariant(span_equal(strbuf_span(&once), strbuf_span(&twice)));
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        invariant(!imap_capability_has(strbuf_span(&once), span_of(hidden[i])));
    if (imap_capability_has(capabilities, SPAN("UNAUTHENTICATE")))
        invariant(!imap_capability_has(strbuf_span(&once), SPAN("COMPRESS=DEFLATE")));
    for (struct span rest = strbuf_span(&once); rest.len > 0;) {
        struct span word = span_cut(&rest, ' ');
        invariant(word.len > 0 && imap_capability_has(capabilities, word));
        for (size_t i = 0; i < word.len; i++)
            invariant(word.at[i] > ' ' && word.at[i] < 0x7f && word.at[i] != ']');
    }
}

static void check_response(enum imap_response_kind kind, const struct imap_response *response,
                           struct strbuf *log)
{
    strbuf_append_u64(log, kind * 10 + response->status);
    log_part(log, response->tag);
    log_part(log, response->code);
    log_part(log, response->text);
    invariant((kind == IMAP_RESPONSE_TAGGED) == (response->tag.len > 0));
    invariant(kind != IMAP_RESPONSE_TAGGED || response->status != IMAP_STATUS_NONE);
    struct span capabilities = imap_response_capabilities(response);
    log_part(log, capabilities);
    check_filter(capabilities);
}

/* Takes all whole lines off held; false after one that is malformed. */
static bool take_lines(struct strbuf *held, struct strbuf *log)
{
    struct span input = strbuf_span(held);
    for (;;) {
        struct span before = input;
        struct imap_response response = {.status = IMAP_STATUS_NONE};
        enum imap_response_kind kind = imap_response_take(&input, &response);
        if (kind == IMAP_RESPONSE_MORE || kind == IMAP_RESPONSE_MALFORMED) {
            invariant(input.at == before.at && input.len == before.len);
            strbuf_consume(held, held->len - input.len);
            invariant(kind == IMAP_RESPONSE_MALFORMED || held->len < IMAP_RESPONSE_MAX);
            return kind == IMAP_RESPONSE_MORE;
        }
        invariant(input.len < before.len && before.len - input.len <= IMAP_RESPONSE_MAX);
        check_response(kind, &response, log);
    }
}

static void run(struct span input, enum fuzz_cutting cutting, struct strbuf *log)
{
    auto_strbuf struct strbuf held = STRBUF(LOG_MAX);
    struct fuzz_pieces pieces = fuzz_cut(input, cutting);
    struct span piece;
    bool is_well = true;
    while (is_well && fuzz_next_piece(&pieces, &piece)) {
        strbuf_append_span(&held, piece);
        is_well = take_lines(&held, log);
    }
    fuzz_pieces_fini(&pieces);
    strbuf_append(log, is_well ? "more" : "malformed");
    invariant(!strbuf_failed(log));
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    auto_strbuf struct strbuf whole = STRBUF(LOG_MAX);
    run(span_make(octets, len), FUZZ_WHOLE, &whole);
    for (enum fuzz_cutting cutting = FUZZ_BYTEWISE; cutting < FUZZ_CUTTING_COUNT; cutting++) {
        auto_strbuf struct strbuf cut = STRBUF(LOG_MAX);
        run(span_make(octets, len), cutting, &cut);
        invariant(span_equal(strbuf_span(&whole), strbuf_span(&cut)));
    }
    return 0;
}
