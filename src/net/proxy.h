/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol, versions 1 and 2 (receiver): who the client behind a load balancer is.
 * Specification: "The PROXY protocol, versions 1 & 2", Willy Tarreau; sections are those of it.
 *
 * Pure: bytes in, header out. Which peers may send one is the caller's business (§2: it must be
 * configured, never guessed).
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "base/ip.h"

enum {
    PROXY_V1_MAX = 107,       /* §2.1, with its CRLF */
    PROXY_V2_MAX = 16 + 8192, /* ours: room for TLVs with a client certificate, not for 64 KiB */
};

struct proxy_header {
    bool
        local; /* no client is named (LOCAL, UNKNOWN, UNSPEC, not TCP): use the connection's addresses */
    struct ip source, target; /* valid unless local */
    uint16_t source_port, target_port;
};

/* The header at the front of `in`: its length, 0 if more must come, ERR_INVALID (also as soon as the
 * first bytes cannot become a header), ERR_TOO_BIG (over PROXY_V2_MAX). *out is written on success. */
ssize_t proxy_parse(struct span in, struct proxy_header *out) MUST_CHECK;

#endif
