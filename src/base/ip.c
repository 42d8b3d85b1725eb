/* Addresses, prefixes and endpoints; see ip.h. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t ip_v4_head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->octets, ip_v4_head, sizeof ip_v4_head) == 0;
}

bool ip_is_loopback(const struct ip *ip)
{
    static const struct ip v6_loopback = {{[15] = 1}};
    return ip_is_v4(ip) ? ip->octets[12] == 127 : ip_equal(ip, &v6_loopback);
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

void ip_format(const struct ip *ip, char text[IP_TEXT_SIZE])
{
    bool is_v4 = ip_is_v4(ip);
    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ip->octets + 12 : ip->octets, text,
                  IP_TEXT_SIZE) == NULL)
        text[0] = '\0';
}

bool ip_parse(struct span text, struct ip *ret_ip)
{
    char copy[IP_TEXT_SIZE];
    struct ip ip;
    if (text.len == 0 || text.len >= sizeof copy || span_has(text, 0))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, ip.octets + 12) == 1)
        memcpy(ip.octets, ip_v4_head, sizeof ip_v4_head);
    else if (inet_pton(AF_INET6, copy, ip.octets) != 1)
        return false;
    *ret_ip = ip;
    return true;
}

bool ip_prefix_parse(struct span text, struct ip_prefix *ret_prefix)
{
    struct span length = text;
    struct span address = span_cut(&length, '/');
    struct ip_prefix prefix;
    if (!ip_parse(address, &prefix.ip))
        return false;
    bool is_v4 = span_has(address, '.') && !span_has(address, ':');
    uint64_t bits = is_v4 ? 32 : 128;
    if (length.at != NULL && !span_to_u64(length, bits, &bits))
        return false;
    prefix.bits = (uint8_t)(bits + (is_v4 ? IP_V4_OFFSET : 0));
    struct ip masked = ip_masked(&prefix.ip, is_v4 ? (unsigned)bits : 32, prefix.bits);
    if (!ip_equal(&masked, &prefix.ip))
        return false;
    *ret_prefix = prefix;
    return true;
}

void ip_prefix_format(const struct ip_prefix *prefix, char text[IP_PREFIX_TEXT_SIZE])
{
    bool is_v4 = ip_is_v4(&prefix->ip) && prefix->bits >= IP_V4_OFFSET;
    char address[IP_TEXT_SIZE];
    ip_format(&prefix->ip, address);
    (void)snprintf(text, IP_PREFIX_TEXT_SIZE, "%s/%u", address,
                   (unsigned)prefix->bits - (is_v4 ? IP_V4_OFFSET : 0));
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip *ip)
{
    unsigned whole = prefix->bits / 8;
    unsigned rest = prefix->bits % 8;
    if (memcmp(prefix->ip.octets, ip->octets, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned mask = 0xff00U >> rest & 0xffU;
    return ((prefix->ip.octets[whole] ^ ip->octets[whole]) & mask) == 0;
}

struct ip ip_masked(const struct ip *ip, unsigned v4_bits, unsigned v6_bits)
{
    unsigned bits = ip_is_v4(ip) ? IP_V4_OFFSET + v4_bits : v6_bits;
    struct ip masked = *ip;
    for (unsigned i = 0; i < sizeof masked.octets; i++) {
        unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8)
            masked.octets[i] &= (uint8_t)(0xff00U >> kept);
    }
    return masked;
}

struct ip_prefix ip_network(const struct ip *ip, unsigned v4_bits, unsigned v6_bits)
{
    return (struct ip_prefix){
        .ip = ip_masked(ip, v4_bits, v6_bits),
        .bits = (uint8_t)(ip_is_v4(ip) ? IP_V4_OFFSET + v4_bits : v6_bits)};
}

bool endpoint_from_sockaddr(const struct sockaddr *address, struct endpoint *ret_endpoint)
{
    struct endpoint endpoint = {.port = 0};
    switch (address->sa_family) {
    case AF_INET: {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        memcpy(endpoint.ip.octets, ip_v4_head, sizeof ip_v4_head);
        memcpy(endpoint.ip.octets + 12, &v4.sin_addr, 4);
        endpoint.port = ntohs(v4.sin_port);
        break;
    }
    case AF_INET6: {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        memcpy(endpoint.ip.octets, &v6.sin6_addr, 16);
        endpoint.port = ntohs(v6.sin6_port);
        break;
    }
    case AF_UNIX:
        endpoint.is_local = true;
        break;
    default:
        return false;
    }
    *ret_endpoint = endpoint;
    return true;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret_storage)
{
    memset(ret_storage, 0, sizeof *ret_storage);
    if (ip_is_v4(&endpoint->ip)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
        memcpy(&v4.sin_addr, endpoint->ip.octets + 12, 4);
        memcpy(ret_storage, &v4, sizeof v4);
        return sizeof v4;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    memcpy(&v6.sin6_addr, endpoint->ip.octets, 16);
    memcpy(ret_storage, &v6, sizeof v6);
    return sizeof v6;
}

bool endpoint_parse(struct span text, struct endpoint *ret_endpoint)
{
    struct endpoint endpoint = {.port = 0};
    struct span address;
    struct span port;
    if (text.len > 0 && text.at[0] == '[') {
        port = span_from(text, 1);
        address = span_cut(&port, ']');
        if (port.len == 0 || port.at[0] != ':' || !span_has(address, ':'))
            return false;
        port = span_from(port, 1);
    } else {
        port = text;
        address = span_cut(&port, ':');
    }
    uint64_t number = 0;
    if (!ip_parse(address, &endpoint.ip) || !span_to_u64(port, UINT16_MAX, &number) || number == 0)
        return false;
    endpoint.port = (uint16_t)number;
    *ret_endpoint = endpoint;
    return true;
}
