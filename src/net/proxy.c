/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"
#include "base/err.h"

/* §2.2: chosen so that no other protocol takes it for one of its own */
static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const char v1_start[] = "PROXY ";

enum {
    V2_FIXED = 16,
    V2_CRC_TYPE = 0x03, /* §2.2.3 PP2_TYPE_CRC32C */
};

/* ---- version 1, §2.1 ---------------------------------------------------------------------- */

/* "Heading zeroes are not permitted" and the range is [0..65535]. */
static bool v1_port(struct span text, uint16_t *out)
{
    uint32_t n;
    if ((text.n > 1 && text.p[0] == '0') || !span_to_u32(text, &n) || n > UINT16_MAX)
        return false;
    *out = (uint16_t)n;
    return true;
}

static bool v1_ip(struct span text, bool v6, struct ip *out)
{
    /* the family announced dictates the format */
    return (span_chr(text, ':') >= 0) == v6 && ip_parse(text, out);
}

static bool v1_fields(struct span line, struct proxy_header *out)
{
    struct proxy_header h = {0};
    struct span family = span_split(&line, ' ');
    if (span_eq(family, SPAN("UNKNOWN"))) { /* what follows is ignored */
        out->local = true;
        return true;
    }
    bool v6 = span_eq(family, SPAN("TCP6"));
    if (!v6 && !span_eq(family, SPAN("TCP4")))
        return false;
    struct span source = span_split(&line, ' ');
    struct span target = span_split(&line, ' ');
    struct span source_port = span_split(&line, ' ');
    /* all the rest, so that a fifth field or a trailing space is no port */
    if (!v1_ip(source, v6, &h.source) || !v1_ip(target, v6, &h.target) ||
        !v1_port(source_port, &h.source_port) || !v1_port(line, &h.target_port))
        return false;
    *out = h;
    return true;
}

static ssize_t v1_parse(struct span in, struct proxy_header *out)
{
    struct span seen = span_slice(in, 0, PROXY_V1_MAX);
    ssize_t lf = span_chr(seen, '\n');
    if (lf < 0)
        return seen.n == PROXY_V1_MAX ? ERR_INVALID : 0;
    struct span line = span_slice(seen, 0, (size_t)lf);
    if (!span_ends(line, SPAN("\r")))
        return ERR_INVALID;
    line.n--;
    line = span_from(line, sizeof v1_start - 1);
    struct proxy_header h = {0};
    if (span_chr(line, '\r') >= 0 || !v1_fields(line, &h))
        return ERR_INVALID;
    *out = h;
    return lf + 1;
}

/* ---- version 2, §2.2 ---------------------------------------------------------------------- */

static uint16_t be16(struct span s, size_t at)
{
    return (uint16_t)((uint8_t)s.p[at] << 8 | (uint8_t)s.p[at + 1]);
}

/* CRC-32C (Castagnoli), bit by bit: once per connection over at most a few hundred bytes. */
static uint32_t crc32c(uint32_t crc, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (uint8_t)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
    }
    return crc;
}

/* The checksum at offset `at` of the whole header, computed with zeros in its place (§2.2.3). */
static bool v2_crc_fits(struct span header, size_t at)
{
    uint32_t crc = crc32c(0xffffffffu, span_slice(header, 0, at));
    crc = crc32c(crc, SPAN("\0\0\0\0"));
    crc = ~crc32c(crc, span_from(header, at + 4));
    return crc == ((uint32_t)be16(header, at) << 16 | be16(header, at + 2));
}

static bool v2_tlvs_ok(struct span header, size_t at)
{
    bool crc_seen = false;
    while (at < header.n) {
        if (header.n - at < 3)
            return false;
        uint8_t type = (uint8_t)header.p[at];
        size_t n = be16(header, at + 1);
        at += 3;
        if (n > header.n - at)
            return false;
        if (type == V2_CRC_TYPE) {
            if (crc_seen || n != 4 || !v2_crc_fits(header, at))
                return false;
            crc_seen = true;
        }
        at += n;
    }
    return true;
}

static struct ip v2_ip(struct span header, size_t at, size_t n)
{
    struct ip ip = {{0}};
    if (n == 4)
        ip.b[10] = ip.b[11] = 0xff;
    memcpy(ip.b + 16 - n, header.p + at, n);
    return ip;
}

/* The address block: how long it is by the 14th byte, or -1 for values §2.2 says to reject. */
static int v2_addresses(uint8_t family_byte)
{
    unsigned family = family_byte >> 4, transport = family_byte & 15;
    static const int length[] = {0, 12, 36, 216};
    if (family >= COUNT_OF(length) || transport > 2)
        return -1;
    return length[family];
}

static ssize_t v2_whole(struct span header, struct proxy_header *out)
{
    struct proxy_header h = {.local = true};
    uint8_t command = (uint8_t)header.p[12] & 15, family = (uint8_t)header.p[13];
    int addresses = v2_addresses(family);
    if (command > 1)
        return ERR_INVALID;
    if (command == 0) { /* LOCAL: family and addresses are ignored, whatever they are */
        *out = h;
        return (ssize_t)header.n;
    }
    if (addresses < 0 || header.n < V2_FIXED + (size_t)addresses)
        return ERR_INVALID;
    /* AF_UNSPEC: nothing says how long its address block is, so no TLV can be found behind it */
    if (family >> 4 != 0 && !v2_tlvs_ok(header, V2_FIXED + (size_t)addresses))
        return ERR_INVALID;
    if (family == 0x11 || family == 0x21) { /* TCP; all else falls back to UNSPEC */
        size_t n = family == 0x11 ? 4 : 16;
        h.local = false;
        h.source = v2_ip(header, V2_FIXED, n);
        h.target = v2_ip(header, V2_FIXED + n, n);
        h.source_port = be16(header, V2_FIXED + 2 * n);
        h.target_port = be16(header, V2_FIXED + 2 * n + 2);
    }
    *out = h;
    return (ssize_t)header.n;
}

static ssize_t v2_parse(struct span in, struct proxy_header *out)
{
    if (in.n > 12 && (uint8_t)in.p[12] >> 4 != 2)
        return ERR_INVALID;
    if (in.n < V2_FIXED)
        return 0;
    size_t whole = V2_FIXED + (size_t)be16(in, 14);
    if (whole > PROXY_V2_MAX)
        return ERR_TOO_BIG;
    if (in.n < whole)
        return 0;
    return v2_whole(span_slice(in, 0, whole), out);
}

ssize_t proxy_parse(struct span in, struct proxy_header *out)
{
    struct span v1 = span_of(v1_start, sizeof v1_start - 1);
    struct span v2 = span_of(v2_signature, sizeof v2_signature);
    if (span_starts(in, v1))
        return v1_parse(in, out);
    if (span_starts(in, v2))
        return v2_parse(in, out);
    return span_starts(v1, in) || span_starts(v2, in) ? 0 : ERR_INVALID;
}
