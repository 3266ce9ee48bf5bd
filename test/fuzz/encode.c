/* SPDX-License-Identifier: Apache-2.0 */
/* The small encodings and IP addresses: what is encoded decodes to itself, and what decodes encodes
 * to itself (for hex, in lower case), so there is one spelling of each value only. */
#include "fuzz.h"

#include "base/encode.h"
#include "base/ip.h"

struct codec {
    void (*encode)(struct buf *out, struct span in);
    int (*decode)(struct buf *out, struct span in);
};

static void check_codec(const struct codec *c, struct span in, bool one_spelling)
{
    struct buf a, b;
    buf_init(&a, 3 * in.n + 16);
    buf_init(&b, 3 * in.n + 16);
    c->encode(&a, in);
    must(a.err == 0 && c->decode(&b, buf_span(&a)) == 0 && span_eq(buf_span(&b), in));
    buf_clear(&a);
    buf_clear(&b);
    if (c->decode(&a, in) == 0) {
        c->encode(&b, buf_span(&a));
        must(b.err == 0 && span_ieq(buf_span(&b), in) &&
             (!one_spelling || span_eq(buf_span(&b), in)));
    } else {
        must(a.n == 0);
    }
    buf_done(&a);
    buf_done(&b);
}

static void check_ip(struct span in)
{
    struct ip ip, again;
    struct ip_net net;
    char store[46];
    if (ip_parse(in, &ip)) {
        must(ip_parse(ip_text(ip, store), &again) && ip_eq(ip, again));
        must(ip_net_parse(in, &net) && net.bits == 128 && ip_net_has(net, ip));
    }
    if (ip_net_parse(in, &net)) {
        must(net.bits <= 128);
        must(ip_net_has(net, net.ip) || (net.bits < 96 && ip_is_v4(net.ip)));
    }
    if (in.n >= sizeof ip.b) {
        memcpy(ip.b, in.p, sizeof ip.b);
        must(ip_parse(ip_text(ip, store), &again) && ip_eq(ip, again));
        must(ip_net_has(ip_network(ip, 24, 56), ip) || !ip_is_v4(ip));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct codec base64 = {base64_encode, base64_decode},
                              hex = {hex_encode, hex_decode}, xtext = {xtext_encode, xtext_decode};
    struct span in = span_of(data, size);
    check_codec(&base64, in, true);
    check_codec(&hex, in, false);
    check_ip(in);
    /* "+41" is a second spelling of "A" */
    struct buf out;
    buf_init(&out, 3 * in.n + 16);
    if (xtext_decode(&out, in) != 0)
        must(out.n == 0);
    buf_clear(&out);
    xtext.encode(&out, in);
    struct buf back;
    buf_init(&back, in.n);
    must(out.err == 0 && xtext.decode(&back, buf_span(&out)) == 0 && span_eq(buf_span(&back), in));
    buf_done(&out);
    buf_done(&back);
    return 0;
}
