/* SPDX-License-Identifier: Apache-2.0 */
/* Text to and from addresses is libc's inet_pton and inet_ntop, which are strict: no leading zeros,
 * no short forms, no zones. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { V4_PREFIX = 96 }; /* bits before the IPv4 address in a mapped one */

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_parse(struct span text, struct ip *out)
{
    char cstr[INET6_ADDRSTRLEN];
    struct ip ip;
    if (!span_to_cstr(text, cstr, sizeof cstr))
        return false;
    memcpy(ip.b, v4_prefix, sizeof v4_prefix);
    if (inet_pton(AF_INET, cstr, ip.b + sizeof v4_prefix) != 1 &&
        inet_pton(AF_INET6, cstr, ip.b) != 1)
        return false;
    *out = ip;
    return true;
}

static struct ip ip_masked(struct ip ip, unsigned bits)
{
    for (unsigned i = 0; i < sizeof ip.b; i++) {
        unsigned keep = bits > 8 * i ? bits - 8 * i : 0;
        if (keep < 8)
            ip.b[i] &= (uint8_t)(0xff00u >> keep);
    }
    return ip;
}

bool ip_net_parse(struct span text, struct ip_net *out)
{
    ssize_t slash = span_chr(text, '/');
    struct span address = slash < 0 ? text : span_slice(text, 0, (size_t)slash);
    struct ip ip;
    if (!ip_parse(address, &ip))
        return false;
    bool v4_text = span_chr(address, ':') < 0;
    uint32_t bits = v4_text ? 32 : 128;
    if (slash >= 0) {
        uint32_t given;
        struct span digits = span_from(text, (size_t)slash + 1);
        if (digits.n > 3 || !span_to_u32(digits, &given) || given > bits)
            return false;
        bits = given;
    }
    bits += v4_text ? V4_PREFIX : 0;
    if (!ip_eq(ip_masked(ip, bits), ip))
        return false;
    *out = (struct ip_net){ip, (uint8_t)bits};
    return true;
}

bool ip_from_sockaddr(const struct sockaddr *sa, struct ip *ip_out, uint16_t *port_out)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        memcpy(ip_out->b, v4_prefix, sizeof v4_prefix);
        memcpy(ip_out->b + sizeof v4_prefix, &in.sin_addr, 4);
        *port_out = ntohs(in.sin_port);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, sa, sizeof in);
        memcpy(ip_out->b, &in.sin6_addr, sizeof ip_out->b);
        *port_out = ntohs(in.sin6_port);
        return true;
    }
    return false;
}

struct span ip_text(struct ip ip, char store[static 46])
{
    const char *text = ip_is_v4(ip) ? inet_ntop(AF_INET, ip.b + sizeof v4_prefix, store, 46)
                                    : inet_ntop(AF_INET6, ip.b, store, 46);
    must(text != NULL);
    return span_str(text);
}

void ip_print(struct buf *out, struct ip ip)
{
    char store[46];
    buf_put(out, ip_text(ip, store));
}

bool ip_is_v4(struct ip ip)
{
    return memcmp(ip.b, v4_prefix, sizeof v4_prefix) == 0;
}

bool ip_is_loopback(struct ip ip)
{
    static const struct ip one = {{[15] = 1}};
    return ip_is_v4(ip) ? ip.b[12] == 127 : ip_eq(ip, one);
}

bool ip_eq(struct ip a, struct ip b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

struct ip_net ip_network(struct ip ip, unsigned v4_bits, unsigned v6_bits)
{
    must(v4_bits <= 32 && v6_bits <= 128);
    unsigned bits = ip_is_v4(ip) ? V4_PREFIX + v4_bits : v6_bits;
    return (struct ip_net){ip_masked(ip, bits), (uint8_t)bits};
}

bool ip_net_has(struct ip_net net, struct ip ip)
{
    /* ::/0 means "all of IPv6": that mapped IPv4 lies inside it is our way of keeping it */
    if (net.bits < V4_PREFIX && ip_is_v4(ip))
        return false;
    return ip_eq(ip_masked(ip, net.bits), net.ip);
}
