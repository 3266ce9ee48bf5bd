/* SPDX-License-Identifier: Apache-2.0 */
/* A whole SMTP session over the real rooms. The first byte chooses port, settings and how the bytes arrive; the
 * rest is what a client sends. Whatever that is: every answer is a well-formed reply, the session breaks no
 * rule of its host (test/net/host.h), and what was accepted can be read back. */
#include "base/base.h"
#include "fuzz.h"
#include "world.h"

enum { FUZZ_SUBMISSION = 1, FUZZ_TLS = 2, FUZZ_NORMALIZE = 4, FUZZ_AUTH_ON_MX = 8, FUZZ_CUT = 48 };

static void replies_check(struct host *h)
{
    struct span line;
    while (host_line(h, &line)) {
        must(line.n >= 4 && line.n + 2 <= 12288);
        must(line.p[0] >= '2' && line.p[0] <= '5' && ascii_is_digit(line.p[1]) &&
             ascii_is_digit(line.p[2]));
        must(line.p[3] == ' ' || line.p[3] == '-');
        must(span_is_ascii(line));
        /* RFC 2034 §4: an enhanced code of the same class in every final 4xx and 5xx */
        if (line.p[0] >= '4')
            must(line.n > 9 && line.p[4] == line.p[0] && line.p[5] == '.');
    }
    must(host_output(h).n == 0);
}

static void kept_check(struct world *w, uint64_t account)
{
    struct buf b;
    if (world_count(w, account) == 0)
        return;
    buf_init(&b, 64 << 20);
    world_newest(w, account, &b);
    must(span_starts(buf_span(&b), SPAN("Return-Path: <")));
    must(span_find(buf_span(&b), SPAN("\r\nReceived: from ")) > 0);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 100000)
        return 0;
    struct world *w = world_new();
    unsigned how = data[0];
    w->config->smtp_size_max = 65536;
    w->config->smtp_bare_newline = (how & FUZZ_NORMALIZE) != 0;
    w->config->smtp_auth_on_mx = (how & FUZZ_AUTH_ON_MX) != 0;
    world_connect(w,
                  (how & FUZZ_SUBMISSION) == 0 ? PORT_MX
                  : (how & FUZZ_TLS) != 0      ? PORT_SUBMISSIONS
                                               : PORT_SUBMISSION,
                  (how & FUZZ_CUT) == 0    ? HOST_WHOLE
                  : (how & FUZZ_CUT) == 16 ? HOST_BYTES
                                           : HOST_RANDOM);
    host_send(w->host, span_of(data + 1, size - 1));
    replies_check(w->host);
    host_timeout(w->host);
    replies_check(w->host);
    kept_check(w, w->alice);
    kept_check(w, w->bob);
    world_free(w);
    return 0;
}
