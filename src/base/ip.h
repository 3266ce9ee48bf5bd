/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and networks as plain values. IPv4 is kept as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2). */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base/buf.h"

struct sockaddr;

struct ip {
    uint8_t b[16];
};

struct ip_net {
    struct ip ip;
    uint8_t bits; /* of 128; an IPv4 /24 is 120 */
};

/* "192.0.2.1", "2001:db8::1" (no zone, no brackets). */
bool ip_parse(struct span text, struct ip *out) MUST_CHECK;
/* "10.0.0.0/8", "2001:db8::/32"; a bare address is its own network; host bits must be zero. */
bool ip_net_parse(struct span text, struct ip_net *out) MUST_CHECK;
bool ip_from_sockaddr(const struct sockaddr *sa, struct ip *ip_out, uint16_t *port_out) MUST_CHECK;
/* "0.0.0.0" to 15 or IPv6 to 45 characters; IPv4-mapped is printed as IPv4. */
void ip_print(struct buf *out, struct ip ip);
struct span ip_text(struct ip ip, char store[static 46]);

bool ip_is_v4(struct ip ip);
bool ip_is_loopback(struct ip ip); /* 127.0.0.0/8, ::1 */
bool ip_eq(struct ip a, struct ip b);
/* The network of `ip`: the first v4_bits of an IPv4 or v6_bits of an IPv6 address. */
struct ip_net ip_network(struct ip ip, unsigned v4_bits, unsigned v6_bits);
bool ip_net_has(struct ip_net net, struct ip ip);

#endif
