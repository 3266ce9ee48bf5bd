/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP sessions with COMPRESS (RFC 4978). The first byte of the input chooses:
 *
 *   even: the rest is what arrives, as it is: mostly no DEFLATE, or the beginning of some.
 *   odd:  the rest is commands, which a client packs and sends in drawn cuts and with a drawn flush. The answers unpack to
 *         what a client hears that sends the same plainly. With the next bit it ends compression with UNAUTHENTICATE at some
 *         point and goes on plainly.
 *
 * In the end the account agrees with itself. */
#include "fuzz.h"

#include "base/log.h"
#include "draw.h"
#include "world.h"

#include <zlib.h>

enum { COMMANDS_MAX = 20000, HEARD_MAX = 64 << 20, PIECE = 64 * 1024 };

static struct host *begin(struct world *w)
{
    struct host *h = world_login(w);
    host_sends(h, "s SELECT INBOX\r\n");
    host_output_clear(h);
    return h;
}

static void pack(z_stream *z, struct span plain, int flush, struct buf *to)
{
    z->next_in = (Bytef *)(uintptr_t)plain.p;
    z->avail_in = (uInt)plain.n;
    do {
        char *room = buf_room(to, PIECE);
        must(room != NULL);
        z->next_out = (Bytef *)room;
        z->avail_out = PIECE;
        (void)deflate(z, flush);
        buf_added(to, PIECE - z->avail_out);
    } while (z->avail_out == 0);
}

/* Behind UNAUTHENTICATE answers are plain. */
static void unpack(struct span packed, struct buf *to)
{
    z_stream z = {0};
    must(inflateInit2(&z, -15) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)packed.p;
    z.avail_in = (uInt)packed.n;
    int said = Z_OK;
    do {
        char *room = buf_room(to, PIECE);
        must(room != NULL);
        z.next_out = (Bytef *)room;
        z.avail_out = PIECE;
        said = inflate(&z, Z_SYNC_FLUSH);
        must(said == Z_OK || said == Z_BUF_ERROR || said == Z_STREAM_END);
        buf_added(to, PIECE - z.avail_out);
    } while (z.avail_out == 0 && said != Z_STREAM_END);
    if (said == Z_STREAM_END)
        buf_put(to, span_from(packed, packed.n - z.avail_in));
    else
        must(z.avail_in == 0);
    (void)inflateEnd(&z);
}

static void check_end(struct world *w, struct host *h)
{
    uint64_t problems = 1;
    host_free(h);
    must(mailbox_check(&w->mail, w->account, true, NULL, NULL, &problems) == 0 && problems == 0);
    world_close(w);
}

static void plainly(struct span commands, struct buf *heard)
{
    struct world w;
    world_open(&w);
    struct host *h = begin(&w);
    host_send(h, commands);
    buf_put(heard, host_output(h));
    check_end(&w, h);
}

/* What a client packs, and how; then, when it ends, what it says plainly. */
struct plan {
    int flush;
    size_t cut;
    bool ends;
    int last_flush;
    struct span first, second;
};

static struct plan plan_of(struct draw *d, bool ends)
{
    static const int flushes[] = {Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH};
    static const int ends_with[] = {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH};
    struct plan p = {.ends = ends};
    p.flush = flushes[draw_below(d, COUNT_OF(flushes))];
    p.cut = 1 + draw_below(d, 200);
    if (ends)
        p.last_flush = ends_with[draw_below(d, COUNT_OF(ends_with))];
    size_t n = ends ? draw_below(d, 1000) : d->rest.n;
    p.first = span_slice(d->rest, 0, n);
    p.second = span_from(d->rest, n < d->rest.n ? n : d->rest.n);
    return p;
}

#define ENDING "\r\nx UNAUTHENTICATE\r\n"
#define ENDED  "x OK You may log in"
#define BEHIND "y NOOP\r\n"

static void packed(const struct plan *p, struct buf *heard)
{
    struct world w;
    struct buf wire;
    z_stream z = {0};
    world_open(&w);
    struct host *h = begin(&w);
    host_sends(h, "c COMPRESS DEFLATE\r\n");
    host_output_clear(h);
    buf_init(&wire, 4 << 20);
    must(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    for (struct span rest = p->first; rest.n > 0;
         rest = span_from(rest, p->cut < rest.n ? p->cut : rest.n)) {
        buf_clear(&wire);
        pack(&z, span_slice(rest, 0, p->cut), p->flush, &wire);
        host_send(h, buf_span(&wire));
    }
    if (p->ends) {
        buf_clear(&wire);
        pack(&z, SPAN(ENDING), p->last_flush, &wire);
        buf_puts(&wire, BEHIND);
        buf_put(&wire, p->second);
        host_send(h, buf_span(&wire));
    }
    (void)deflateEnd(&z);
    unpack(host_output(h), heard);
    buf_done(&wire);
    check_end(&w, h);
}

/* Packed already, or nothing is. */
static void raw(struct span bytes)
{
    struct world w;
    world_open(&w);
    struct host *h = begin(&w);
    host_sends(h, "c COMPRESS DEFLATE\r\n");
    host_output_clear(h);
    host_send(h, bytes);
    check_end(&w, h);
}

/* What ends differently: it is on already, and what ends it is heard otherwise. */
static bool is_about_it(struct span commands)
{
    for (; commands.n > 0; commands = span_from(commands, 1))
        if (span_ieq(span_slice(commands, 0, 8), SPAN("COMPRESS")) ||
            span_ieq(span_slice(commands, 0, 6), SPAN("UNAUTH")))
            return true;
    return false;
}

static void compare(const struct plan *p)
{
    struct buf commands, plain, heard;
    buf_init(&commands, 2 * COMMANDS_MAX);
    buf_init(&plain, HEARD_MAX);
    buf_init(&heard, HEARD_MAX);
    packed(p, &heard);
    buf_put(&commands, p->first);
    if (p->ends) {
        buf_puts(&commands, ENDING BEHIND);
        buf_put(&commands, p->second);
    }
    if (!is_about_it(p->first) && !is_about_it(p->second)) {
        plainly(buf_span(&commands), &plain);
        /* it may be a part of a literal, or behind the end of the session */
        if (!p->ends || span_find(buf_span(&plain), SPAN(ENDED)) >= 0)
            must(span_eq(buf_span(&plain), buf_span(&heard)));
    }
    buf_done(&commands);
    buf_done(&plain);
    buf_done(&heard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    log_setup(2, LOG_ERROR, LOG_LOGFMT);
    uint8_t how = draw_u8(&d);
    if ((how & 1) == 0) {
        raw(d.rest);
    } else if (size <= COMMANDS_MAX) {
        struct plan p = plan_of(&d, (how & 2) != 0);
        compare(&p);
    }
    return 0;
}
