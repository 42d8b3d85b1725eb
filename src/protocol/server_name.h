/*
 * The name in a ClientHello's server_name extension (RFC 6066 section 3), read before OpenSSL reads
 * it: a session ticket is opened earlier than that. Pure.
 */
#ifndef POSTERN_PROTOCOL_SERVER_NAME_H
#define POSTERN_PROTOCOL_SERVER_NAME_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"

/*
 * Reads the extension's content. False when it is not exactly one host_name, as OpenSSL demands as
 * well; *ret_name then is untouched. The name is a view of the content: whatever octets stand there.
 */
bool server_name_read(struct span extension, struct span *ret_name) MUST_USE;

#endif
