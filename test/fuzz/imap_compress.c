/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP sessions with COMPRESS (RFC 4978). The first byte of the input chooses:
 *
 *   even: the rest is what arrives, as it is: mostly no DEFLATE, or the beginning of some.
 *   odd:  the rest is commands, which a client packs and sends in drawn cuts and with a drawn flush. The answers unpack to
 *         what a client hears that sends the same plainly.
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

/* `d` NULL: they are packed already, or nothing is. */
static void packed(struct draw *d, struct span commands, struct buf *heard)
{
    static const int flushes[] = {Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH};
    struct world w;
    struct buf wire;
    z_stream z = {0};
    world_open(&w);
    struct host *h = begin(&w);
    host_sends(h, "c COMPRESS DEFLATE\r\n");
    host_output_clear(h);
    buf_init(&wire, 4 << 20);
    if (d != NULL) {
        int flush = flushes[draw_below(d, COUNT_OF(flushes))];
        size_t cut = 1 + draw_below(d, 200);
        must(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        for (commands = d->rest; commands.n > 0;
             commands = span_from(commands, cut < commands.n ? cut : commands.n)) {
            buf_clear(&wire);
            pack(&z, span_slice(commands, 0, cut), flush, &wire);
            host_send(h, buf_span(&wire));
        }
        (void)deflateEnd(&z);
        unpack(host_output(h), heard);
    } else {
        host_send(h, commands);
    }
    buf_done(&wire);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    struct buf plain, heard;
    log_setup(2, LOG_ERROR, LOG_LOGFMT);
    buf_init(&plain, HEARD_MAX);
    buf_init(&heard, HEARD_MAX);
    if ((draw_u8(&d) & 1) == 0) {
        packed(NULL, d.rest, &heard);
    } else if (size <= COMMANDS_MAX) {
        packed(&d, SPAN_EMPTY, &heard);
        struct draw again = draw_of(data, size); /* the same drawings leave the same rest */
        (void)draw_u8(&again);
        (void)draw_below(&again, 3);
        (void)draw_below(&again, 200);
        if (!is_about_it(again.rest)) {
            plainly(again.rest, &plain);
            must(span_eq(buf_span(&plain), buf_span(&heard)));
        }
    }
    buf_done(&plain);
    buf_done(&heard);
    return 0;
}
