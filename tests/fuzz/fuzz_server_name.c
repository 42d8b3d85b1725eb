/*
 * The server_name extension of a ClientHello. Claims: the name lies inside the extension, and the
 * extension is exactly its frame; with one octet less it is refused.
 */
#include "fuzz.h"
#include "protocol/server_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct span input = span_make(octets, len);
    struct span name = SPAN_NONE;
    struct span other = SPAN_NONE;
    if (!server_name_read(input, &name))
        return 0;
    invariant(name.at == octets + 5 && name.len == len - 5 && name.len > 0 && name.len <= 255);
    invariant(octets[0] == (name.len + 3) >> 8 && octets[1] == ((name.len + 3) & 0xff));
    invariant(octets[2] == 0 && octets[3] == 0 && octets[4] == name.len);
    invariant(!server_name_read(span_first(input, len - 1), &other));
    return 0;
}
