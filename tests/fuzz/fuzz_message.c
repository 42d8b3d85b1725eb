/*
 * A packet from a sibling process. The first octet says how many descriptors came beside it.
 * Claims: what decodes encodes to the same packet and descriptors; it can always be printed, on one
 * line of ASCII.
 */
#include "channel/message.h"
#include "fuzz.h"

/* Numbers stand for descriptors: decoding only moves them. */
static const int pretended_fds[MESSAGE_FDS_MAX + 1] = {1000, 1001, 1002};

static void check_encoded(const struct message *message, struct span packet, size_t fd_count)
{
    auto_strbuf struct strbuf again = STRBUF(MESSAGE_PACKET_MAX);
    int fds[MESSAGE_FDS_MAX];
    size_t again_count;
    invariant(message_encode(message, &again, fds, &again_count));
    invariant(span_equal(strbuf_span(&again), packet));
    invariant(again_count == fd_count);
    invariant(fd_count == 0 || memcmp(fds, pretended_fds, fd_count * sizeof fds[0]) == 0);
}

static void check_printed(const struct message *message)
{
    auto_strbuf struct strbuf text = STRBUF((size_t)8 * MESSAGE_PACKET_MAX);
    message_print(message, &text);
    invariant(!strbuf_failed(&text));
    invariant(span_starts_nocase(strbuf_span(&text), span_of(message_name(message->type))));
    for (size_t i = 0; i < text.len; i++)
        invariant(text.at[i] >= ' ' && text.at[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    if (len == 0 || len - 1 > MESSAGE_PACKET_MAX)
        return 0;
    size_t fd_count = octets[0] % (MESSAGE_FDS_MAX + 2);
    struct span packet = span_make(octets + 1, len - 1);
    struct message message = {.type = MESSAGE_NONE};
    if (!message_decode(packet, pretended_fds, fd_count, &message)) {
        invariant(message.type == MESSAGE_NONE);
        return 0;
    }
    check_encoded(&message, packet, fd_count);
    check_printed(&message);
    return 0;
}
