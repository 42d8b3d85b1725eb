/*
 * Reads and writes PROXY headers; see proxy_header.h. The gate calls the parser on what stands first
 * on a connection from a trusted source, before TLS; the backend login calls the writer.
 */
#include "protocol/proxy_header.h"

#include <string.h>

enum {
    PROXY_V1_MIN = 15, /* "PROXY UNKNOWN" CRLF */
    PROXY_V2_HEAD = 16,
    PROXY_V2_SIGNATURE = 12,
    PROXY_V2_LOCAL = 0x20,
    PROXY_V2_PROXY = 0x21,
    PROXY_V2_TCP4 = 0x11,
    PROXY_V2_TCP6 = 0x21,
    PROXY_V2_TCP4_LENGTH = 12,
    PROXY_V2_TCP6_LENGTH = 36,
    PROXY_TLV_HEAD = 3,
    PROXY_TLV_SSL = 0x20,
    PROXY_SSL_LENGTH = 5,
    PROXY_CLIENT_SSL = 0x01,
    PROXY_CLIENT_CERT_CONN = 0x02,
};

static const uint8_t proxy_v2_signature[PROXY_V2_SIGNATURE] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                               0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* True when have and head agree as far as both go. */
static bool proxy_agrees(struct span have, struct span head)
{
    size_t len = have.len < head.len ? have.len : head.len;
    return span_equal(span_first(have, len), span_first(head, len));
}

/* --- Version 1 ---------------------------------------------------------------------------------- */

/* A port as the text writes it: decimal without leading zeros. */
static bool proxy_v1_parse_port(struct span text, uint16_t *ret_port)
{
    uint64_t port = 0;
    if (text.len > 1 && text.at[0] == '0')
        return false;
    if (!span_to_u64(text, UINT16_MAX, &port))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* The four fields after "PROXY TCP4 " or "PROXY TCP6 "; one space between them, nothing behind. */
static bool proxy_v1_parse_fields(struct span fields, bool is_v4, struct proxy_header *ret_header)
{
    struct proxy_header header = {.is_local = false};
    struct span rest = fields;
    struct span source = span_cut(&rest, ' ');
    struct span destination = span_cut(&rest, ' ');
    struct span source_port = span_cut(&rest, ' ');
    if (span_has(source, ':') == is_v4 || span_has(destination, ':') == is_v4)
        return false;
    if (!ip_parse(source, &header.source.ip) || !ip_parse(destination, &header.destination.ip))
        return false;
    if (!proxy_v1_parse_port(source_port, &header.source.port) ||
        !proxy_v1_parse_port(rest, &header.destination.port))
        return false;
    *ret_header = header;
    return true;
}

static bool proxy_v1_parse_line(struct span line, struct proxy_header *ret_header)
{
    const struct span v4 = SPAN("PROXY TCP4 ");
    const struct span v6 = SPAN("PROXY TCP6 ");
    const struct span unknown = SPAN("PROXY UNKNOWN");
    if (line.len >= v4.len && proxy_agrees(line, v4))
        return proxy_v1_parse_fields(span_from(line, v4.len), true, ret_header);
    if (line.len >= v6.len && proxy_agrees(line, v6))
        return proxy_v1_parse_fields(span_from(line, v6.len), false, ret_header);
    /* What follows UNKNOWN is to be ignored (section 2.1), but it is set off by a space. */
    if (line.len < unknown.len || !proxy_agrees(line, unknown))
        return false;
    if (line.len > unknown.len && (line.at[unknown.len] != ' ' || span_has(line, '\n')))
        return false;
    *ret_header = (struct proxy_header){.is_local = true};
    return true;
}

/*
 * The fewest octets that can still follow a line without its CR, so that the caller reads no further:
 * of a TCP line each of the four fields that has not begun, with the space before it, and CRLF.
 */
static size_t proxy_v1_missing(struct span have)
{
    size_t least = 2;
    if (have.len > 6 && have.at[6] == 'T') {
        size_t fields = 0;
        for (size_t i = 11; i < have.len; i++)
            fields += have.at[i] != ' ' && have.at[i - 1] == ' ';
        if (fields < 4)
            least += 2 * (4 - fields) - (have.at[have.len - 1] == ' ');
    }
    return have.len + least < PROXY_V1_MIN ? PROXY_V1_MIN - have.len : least;
}

static enum proxy_header_result proxy_v1_parse(struct span have, struct proxy_header *ret_header,
                                               size_t *ret_len)
{
    if (!proxy_agrees(have, SPAN("PROXY TCP4 ")) && !proxy_agrees(have, SPAN("PROXY TCP6 ")) &&
        !proxy_agrees(have, SPAN("PROXY UNKNOWN")))
        return PROXY_HEADER_BAD;
    struct span seen = span_first(have, PROXY_HEADER_V1_MAX);
    size_t cr = span_find(seen, '\r');
    if (cr == seen.len) {
        size_t missing = proxy_v1_missing(seen);
        if (span_has(seen, '\n') || seen.len + missing > PROXY_HEADER_V1_MAX)
            return PROXY_HEADER_BAD;
        *ret_len = missing;
        return PROXY_HEADER_MORE;
    }
    struct proxy_header header;
    struct span end = span_from(seen, cr + 1);
    if (!proxy_v1_parse_line(span_first(seen, cr), &header) || cr + 2 > PROXY_HEADER_V1_MAX)
        return PROXY_HEADER_BAD;
    if (end.len == 0) {
        *ret_len = 1;
        return PROXY_HEADER_MORE;
    }
    if (end.at[0] != '\n')
        return PROXY_HEADER_BAD;
    *ret_header = header;
    *ret_len = cr + 2;
    return PROXY_HEADER_DONE;
}

/* --- Version 2 ---------------------------------------------------------------------------------- */

static uint16_t proxy_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* An IPv4 address in the 16 octets that all addresses have here. */
static struct ip proxy_ip_v4(const uint8_t *at)
{
    struct ip ip = {{[10] = 0xff, [11] = 0xff}};
    memcpy(ip.octets + 12, at, 4);
    return ip;
}

static struct ip proxy_ip_v6(const uint8_t *at)
{
    struct ip ip;
    memcpy(ip.octets, at, sizeof ip.octets);
    return ip;
}

/* Walks the TLVs, whose values nobody here needs: they must fill the header to its end. */
static bool proxy_v2_has_whole_tlvs(struct span tlvs)
{
    while (tlvs.len >= PROXY_TLV_HEAD) {
        size_t len = (size_t)PROXY_TLV_HEAD + proxy_u16(tlvs.at + 1);
        if (len > tlvs.len)
            return false;
        tlvs = span_from(tlvs, len);
    }
    return tlvs.len == 0;
}

static bool proxy_v2_parse_addresses(uint8_t family, struct span body,
                                     struct proxy_header *ret_header)
{
    struct proxy_header header = {.is_local = false};
    size_t len = 0;
    if (family == PROXY_V2_TCP4 && body.len >= PROXY_V2_TCP4_LENGTH) {
        len = PROXY_V2_TCP4_LENGTH;
        header.source.ip = proxy_ip_v4(body.at);
        header.destination.ip = proxy_ip_v4(body.at + 4);
    } else if (family == PROXY_V2_TCP6 && body.len >= PROXY_V2_TCP6_LENGTH) {
        len = PROXY_V2_TCP6_LENGTH;
        header.source.ip = proxy_ip_v6(body.at);
        header.destination.ip = proxy_ip_v6(body.at + 16);
    } else {
        return false;
    }
    header.source.port = proxy_u16(body.at + len - 4);
    header.destination.port = proxy_u16(body.at + len - 2);
    if (!proxy_v2_has_whole_tlvs(span_from(body, len)))
        return false;
    *ret_header = header;
    return true;
}

static enum proxy_header_result proxy_v2_parse(struct span have, struct proxy_header *ret_header,
                                               size_t *ret_len)
{
    if (!proxy_agrees(have, span_make(proxy_v2_signature, sizeof proxy_v2_signature)))
        return PROXY_HEADER_BAD;
    if (have.len > 12 && have.at[12] != PROXY_V2_LOCAL && have.at[12] != PROXY_V2_PROXY)
        return PROXY_HEADER_BAD;
    size_t whole = PROXY_V2_HEAD;
    if (have.len >= PROXY_V2_HEAD)
        whole += proxy_u16(have.at + 14);
    if (whole > PROXY_HEADER_MAX)
        return PROXY_HEADER_BAD;
    if (have.len < whole) {
        *ret_len = whole - have.len;
        return PROXY_HEADER_MORE;
    }
    struct span body = span_from(span_first(have, whole), PROXY_V2_HEAD);
    if (have.at[12] == PROXY_V2_LOCAL)
        *ret_header = (struct proxy_header){.is_local = true};
    else if (!proxy_v2_parse_addresses(have.at[13], body, ret_header))
        return PROXY_HEADER_BAD;
    *ret_len = whole;
    return PROXY_HEADER_DONE;
}

enum proxy_header_result proxy_header_parse(struct span have, struct proxy_header *ret_header,
                                            size_t *ret_len)
{
    if (have.len == 0) {
        *ret_len = PROXY_V1_MIN;
        return PROXY_HEADER_MORE;
    }
    if (have.at[0] == proxy_v2_signature[0])
        return proxy_v2_parse(have, ret_header, ret_len);
    return proxy_v1_parse(have, ret_header, ret_len);
}

static void proxy_append_u16(struct strbuf *buf, unsigned value)
{
    strbuf_append_byte(buf, (uint8_t)(value >> 8));
    strbuf_append_byte(buf, (uint8_t)value);
}

/* PP2_TYPE_SSL: flags and, as 32 bits, whether the certificate verified (0: it did). */
static void proxy_append_ssl(struct strbuf *buf, bool has_certificate)
{
    uint8_t flags = PROXY_CLIENT_SSL;
    if (has_certificate)
        flags |= PROXY_CLIENT_CERT_CONN;
    strbuf_append_byte(buf, PROXY_TLV_SSL);
    proxy_append_u16(buf, PROXY_SSL_LENGTH);
    strbuf_append_byte(buf, flags);
    proxy_append_u16(buf, 0);
    proxy_append_u16(buf, has_certificate ? 0 : 1);
}

void proxy_header_write(const struct endpoint *source, const struct endpoint *destination,
                        bool with_tls, bool has_certificate, struct strbuf *buf)
{
    bool is_local = source->is_local || destination->is_local;
    bool is_v4 = ip_is_v4(&source->ip) && ip_is_v4(&destination->ip);
    unsigned addresses = is_local ? 0 : is_v4 ? PROXY_V2_TCP4_LENGTH : PROXY_V2_TCP6_LENGTH;
    uint8_t family = is_local ? 0 : is_v4 ? PROXY_V2_TCP4 : PROXY_V2_TCP6;
    size_t skip = is_v4 ? 12 : 0;

    strbuf_append_span(buf, span_make(proxy_v2_signature, sizeof proxy_v2_signature));
    strbuf_append_byte(buf, is_local ? PROXY_V2_LOCAL : PROXY_V2_PROXY);
    strbuf_append_byte(buf, family);
    proxy_append_u16(buf, addresses + (with_tls ? PROXY_TLV_HEAD + PROXY_SSL_LENGTH : 0));
    if (!is_local) {
        strbuf_append_span(buf, span_make(source->ip.octets + skip, 16 - skip));
        strbuf_append_span(buf, span_make(destination->ip.octets + skip, 16 - skip));
        proxy_append_u16(buf, source->port);
        proxy_append_u16(buf, destination->port);
    }
    if (with_tls)
        proxy_append_ssl(buf, has_certificate);
}
