/* SPDX-License-Identifier: Apache-2.0 */
/* Whole SMTP sessions over the real rooms. The first byte chooses port, settings and how the bytes arrive; the
 * rest is a script (script.h) of what a client does. Whatever that is: every answer is a well-formed reply, the
 * session breaks no rule of its host (test/net/host.h), what was said to be kept is there, and nothing else.
 *
 * With FUZZ_TWICE the script is played twice, at once and byte by byte: the answers must be the same, or what is a
 * command would depend on the network.
 *
 * The installation is made once. After each input its mail is thrown away and two days pass, so that nothing (no
 * lock, no rate) is left for the next. */
#include "base/base.h"
#include "fuzz.h"
#include "script.h"
#include "world.h"

#include "base/log.h"

enum {
    FUZZ_SUBMISSION = 1,
    FUZZ_TLS = 2,
    FUZZ_NORMALIZE = 4,
    FUZZ_AUTH_ON_MX = 8,
    FUZZ_TWICE = 64,
    FUZZ_CUT = 48,
    TWICE_SIZE_MAX = 3000, /* byte by byte costs the square of it */
};

struct play {
    struct buf replies; /* with what cannot be the same twice left out */
    size_t kept;        /* messages said to be kept */
};

/* Appends the reply line; message ids and the server's nonces are random. */
static void note(struct play *p, struct span line)
{
    static const struct span kept = SPAN("250 2.0.0 Ok: kept as ");
    if (span_starts(line, kept)) {
        p->kept++;
        line = kept;
    } else if (span_starts(line, SPAN("334 "))) {
        line.n = 4;
    }
    buf_put(&p->replies, line);
    buf_putc(&p->replies, '\n');
}

static void replies_check(struct host *h, struct play *p)
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
        note(p, line);
    }
    must(host_output(h).n == 0);
}

static void
play(struct world *w, unsigned how, enum host_cut cut, struct span script, struct play *p)
{
    enum world_port port = (how & FUZZ_SUBMISSION) == 0 ? PORT_MX
                           : (how & FUZZ_TLS) != 0      ? PORT_SUBMISSIONS
                                                        : PORT_SUBMISSION;
    enum script_op op;
    struct buf flight;
    buf_init(&flight, script.n);
    world_connect(w, port, cut);
    do {
        op = script_next(&script, &flight);
        host_send(w->host, buf_span(&flight));
        if (op == SCRIPT_TIMEOUT || op == SCRIPT_END)
            host_timeout(w->host);
        else if (op == SCRIPT_EOF)
            host_eof(w->host);
        else if (op == SCRIPT_SHUTDOWN)
            host_shutdown(w->host);
        must(!host_waiting(w->host)); /* passwords are verified at once here */
        replies_check(w->host, p);
        if (op == SCRIPT_NEW)
            world_connect(w, port, cut);
    } while (op != SCRIPT_END);
    host_free(w->host);
    w->host = NULL;
    buf_done(&flight);
}

/* Only then may a message hold what is no line (RFC 3030 §3). */
static bool says_binary(struct span script)
{
    for (; script.n > 0; script = span_from(script, 1))
        if (span_istarts(script, SPAN("BINARYMIME")))
            return true;
    return false;
}

/* What a reader gets: the trace fields on top, lines that are lines. */
static size_t kept_check(struct world *w, uint64_t account, bool text)
{
    struct buf b;
    size_t n = world_count(w, account);
    if (n == 0)
        return 0;
    buf_init(&b, 64 << 20);
    world_newest(w, account, &b);
    struct span m = buf_span(&b);
    must(span_starts(m, SPAN("Return-Path: <")));
    must(span_find(m, SPAN("\r\nReceived: from ")) > 0);
    for (size_t i = 0; text && i < m.n; i++) {
        must(m.p[i] != '\0');
        must(m.p[i] != '\r' || (i + 1 < m.n && m.p[i + 1] == '\n'));
        must(m.p[i] != '\n' || m.p[i - 1] == '\r');
    }
    buf_done(&b);
    return n;
}

static void mail_check(struct world *w, const struct play *p, bool text)
{
    size_t n =
        kept_check(w, w->alice, text) + kept_check(w, w->bob, text) + kept_check(w, w->anna, text);
    must((n > 0) == (p->kept > 0) && n >= p->kept);
    world_empty(w);
}

static struct world *world(void)
{
    static struct world *w;
    if (w == NULL) {
        w = world_new();
        w->mail.tombstones_max = 100; /* runs for hours must not fill the memory */
        w->config->smtp_size_max = 65536;
    }
    return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 100000)
        return 0;
    struct world *w = world();
    unsigned how = data[0];
    struct span script = span_of(data + 1, size - 1);
    struct play first = {.kept = 0}, second = {.kept = 0};
    enum host_cut cut = (how & FUZZ_CUT) == 0    ? HOST_WHOLE
                        : (how & FUZZ_CUT) == 16 ? HOST_BYTES
                                                 : HOST_RANDOM;
    bool twice = (how & FUZZ_TWICE) != 0 && size <= TWICE_SIZE_MAX;
    bool text = !says_binary(script);
    w->config->smtp_bare_newline = (how & FUZZ_NORMALIZE) != 0;
    w->config->smtp_auth_on_mx = (how & FUZZ_AUTH_ON_MX) != 0;
    buf_init(&first.replies, 64 << 20);
    buf_init(&second.replies, 64 << 20);
    play(w, how, twice ? HOST_WHOLE : cut, script, &first);
    mail_check(w, &first, text);
    if (twice) {
        play(w, how, HOST_BYTES, script, &second);
        must(span_eq(buf_span(&first.replies), buf_span(&second.replies)));
        must(first.kept == second.kept);
        mail_check(w, &second, text);
    }
    buf_done(&first.replies);
    buf_done(&second.replies);
    return 0;
}
