/*
 * Internet addresses and prefixes in one form: 16 octets, IPv4 mapped into ::ffff:0:0/96
 * (RFC 4291 section 2.5.5.2), so that no caller has two cases.
 */
#ifndef POSTERN_BASE_IP_H
#define POSTERN_BASE_IP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/attributes.h"
#include "base/span.h"

struct ip {
    uint8_t octets[16];
};

/* An address and a port; what a peer is. is_local: a unix socket, address all zero. */
struct endpoint {
    struct ip ip;
    uint16_t port;
    bool is_local;
};

struct ip_prefix {
    struct ip ip; /* host bits zero */
    uint8_t bits; /* of 128: an IPv4 /24 is 120 */
};

enum {
    IP_TEXT_SIZE = INET6_ADDRSTRLEN,
    IP_PREFIX_TEXT_SIZE = IP_TEXT_SIZE + 4,
    IP_V4_OFFSET = 96,
};

bool ip_is_v4(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip);
bool ip_equal(const struct ip *a, const struct ip *b);

/* "192.0.2.1" or "2001:db8::1"; IPv4-mapped ones print as IPv4. */
void ip_format(const struct ip *ip, char text[IP_TEXT_SIZE]);

/* Reads an address without brackets, zone or port. */
bool ip_parse(struct span text, struct ip *ret_ip) MUST_USE;

/* Reads "address" or "address/length"; host bits that are set are an error. */
bool ip_prefix_parse(struct span text, struct ip_prefix *ret_prefix) MUST_USE;

/* "192.0.2.0/24" or "2001:db8::/32". */
void ip_prefix_format(const struct ip_prefix *prefix, char text[IP_PREFIX_TEXT_SIZE]);

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip *ip);

/* The address with all but its first bits cleared: v4_bits (0..32) or v6_bits (0..128). */
struct ip ip_masked(const struct ip *ip, unsigned v4_bits, unsigned v6_bits);

/* The same as a prefix. */
struct ip_prefix ip_network(const struct ip *ip, unsigned v4_bits, unsigned v6_bits);

/* AF_INET, AF_INET6 and AF_UNIX; false for another family. */
bool endpoint_from_sockaddr(const struct sockaddr *address, struct endpoint *ret_endpoint) MUST_USE;

/* Fills storage for connect or bind; returns its length. AF_INET for IPv4. */
socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret_storage);

/* Reads "192.0.2.1:993" or "[2001:db8::1]:993". */
bool endpoint_parse(struct span text, struct endpoint *ret_endpoint) MUST_USE;

#endif
