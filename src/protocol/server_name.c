/* Reads server_name; see server_name.h. Called by the gate's tickets within a ClientHello. */
#include "protocol/server_name.h"

enum { SERVER_NAME_HOST = 0, SERVER_NAME_MAX = 255 /* as long as a host name is */ };

/* Takes a length of two octets and as many octets, which must be all there is. */
static bool server_name_cut(struct span whole, struct span *ret_inner)
{
    if (whole.len < 2 || (size_t)(whole.at[0] << 8 | whole.at[1]) != whole.len - 2)
        return false;
    *ret_inner = span_from(whole, 2);
    return true;
}

bool server_name_read(struct span extension, struct span *ret_name)
{
    struct span list;
    struct span name;
    if (!server_name_cut(extension, &list) || list.len == 0 || list.at[0] != SERVER_NAME_HOST ||
        !server_name_cut(span_from(list, 1), &name) || name.len == 0 || name.len > SERVER_NAME_MAX)
        return false;
    *ret_name = name;
    return true;
}
