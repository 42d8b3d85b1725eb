/*
 * The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2): read in
 * front of a client connection, written (version 2) in front of a backend connection. Pure.
 */
#ifndef POSTERN_PROTOCOL_PROXY_HEADER_H
#define POSTERN_PROTOCOL_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "base/span.h"
#include "base/strbuf.h"

enum {
    PROXY_HEADER_V1_MAX = 107,
    PROXY_HEADER_MAX = 2048, /* of version 2 with its TLVs; more is refused */
};

enum proxy_header_result { PROXY_HEADER_MORE, PROXY_HEADER_DONE, PROXY_HEADER_BAD };

struct proxy_header {
    bool is_local; /* LOCAL or UNKNOWN: a health check of the proxy; addresses are not set */
    struct endpoint source;
    struct endpoint destination;
};

/*
 * Reads the header at the front of have. DONE: ret_header is set and *ret_len octets are it. MORE: at
 * least *ret_len octets more are needed, so that a caller who reads just as many never takes an octet
 * of what follows. BAD: this is none, or one that is not allowed (UDP, unix sockets, no addresses).
 */
enum proxy_header_result proxy_header_parse(struct span have, struct proxy_header *ret_header,
                                            size_t *ret_len) MUST_USE;

/*
 * Appends a version 2 header for a TCP connection. with_tls adds PP2_TYPE_SSL (client used TLS,
 * verify 0 only when has_certificate), without which Dovecot takes no password on a connection in
 * clear.
 */
void proxy_header_write(const struct endpoint *source, const struct endpoint *destination,
                        bool with_tls, bool has_certificate, struct strbuf *buf);

#endif
