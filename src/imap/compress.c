/* SPDX-License-Identifier: Apache-2.0 */
/* Inflating is done in pieces of PIECE, and no more of it than one answer at a time: a stream that inflates to a thousand
 * times its size is commands like any others, handled while the client takes the answers. */
#include "imap/compress.h"

#include "base/log.h"

#include <zlib.h>

enum {
    PIECE = 64 * 1024,
    WINDOW = 32 * 1024,
    RAW_INFLATE = -15, /* RFC 4978 §4: raw deflate, the largest window a client may use */
    RAW_DEFLATE = -14, /* a window of 16 KiB and this level of memory take 128 KiB */
    DEFLATE_MEMORY = 7,
    DEFLATE_LEVEL = 3,
    PLAIN_MAX = PIECE + LIMIT_IMAP_LINE,
    OUT_MAX = LIMIT_SESSION_OUT -
              80 * 1024, /* what does not compress grows, and answers before it may wait */
    OUT_PIECE = 8 * 1024,
};

struct imap_compress {
    struct buf in;     /* from the client, not inflated yet */
    struct buf plain;  /* inflated, not handled yet */
    struct buf out;    /* the session's answers of this step */
    struct buf window; /* while there is no decompressor: what it has to know */
    z_stream inflate, deflate;
    bool inflating, deflating; /* these are there */
};

/* zlib's own memory is there for the time of a step, or as long as a client leaves a block open. */
struct imap_compress *imap_compress_new(struct budget *budget)
{
    struct imap_compress *z = calloc(1, sizeof *z);
    if (z == NULL)
        return NULL;
    buf_init(&z->in, PIECE);
    buf_init(&z->plain, PLAIN_MAX);
    buf_init(&z->out, OUT_MAX);
    buf_init(&z->window, WINDOW);
    z->in.budget = z->plain.budget = z->out.budget = z->window.budget = budget;
    return z;
}

static void inflate_drop(struct imap_compress *z)
{
    if (z->inflating)
        (void)inflateEnd(&z->inflate);
    z->inflating = false;
}

static void deflate_drop(struct imap_compress *z)
{
    if (z->deflating)
        (void)deflateEnd(&z->deflate);
    z->deflating = false;
}

void imap_compress_free(struct imap_compress *z)
{
    if (z == NULL)
        return;
    inflate_drop(z);
    deflate_drop(z);
    buf_done(&z->in);
    buf_done(&z->plain);
    buf_done(&z->out);
    buf_done(&z->window);
    free(z);
}

/* ---- in --------------------------------------------------------------------------------------- */

static const Bytef *bytes(struct span s)
{
    return (const Bytef *)s.p;
}

static int inflate_begin(struct imap_compress *z)
{
    if (z->inflating)
        return 0;
    z->inflate = (z_stream){0};
    if (inflateInit2(&z->inflate, RAW_INFLATE) != Z_OK)
        return ERR_NOMEM;
    z->inflating = true;
    if (z->window.n > 0 &&
        inflateSetDictionary(&z->inflate, bytes(buf_span(&z->window)), (uInt)z->window.n) != Z_OK)
        return ERR_NOMEM;
    buf_done(&z->window);
    return 0;
}

/* Some more of `in` to `plain`. ERR_INVALID: it is no stream, or the client has ended it. */
static int inflate_some(struct imap_compress *z)
{
    size_t room = PLAIN_MAX - z->plain.n < PIECE ? PLAIN_MAX - z->plain.n : PIECE;
    int err = inflate_begin(z);
    if (err != 0)
        return err;
    char *to = buf_room(&z->plain, room);
    if (to == NULL)
        return z->plain.err;
    z->inflate.next_in = (z_const Bytef *)(uintptr_t)z->in.p;
    z->inflate.avail_in = (uInt)z->in.n;
    z->inflate.next_out = (Bytef *)to;
    z->inflate.avail_out = (uInt)room;
    int r = inflate(&z->inflate, Z_SYNC_FLUSH);
    buf_consume(&z->in, z->in.n - z->inflate.avail_in);
    buf_added(&z->plain, room - z->inflate.avail_out);
    return r == Z_OK || r == Z_BUF_ERROR ? 0 : r == Z_MEM_ERROR ? ERR_NOMEM : ERR_INVALID;
}

/* Between two blocks, with no bit left over, the window is all that a decompressor knows; elsewhere it stays. */
static void inflate_park(struct imap_compress *z)
{
    uInt n = 0;
    if (!z->inflating || (z->inflate.data_type & 0xff) != 128)
        return;
    if (inflateGetDictionary(&z->inflate, Z_NULL, &n) != Z_OK || n > WINDOW)
        return;
    if (n > 0) {
        char *to = buf_room(&z->window, n);
        if (to == NULL || inflateGetDictionary(&z->inflate, (Bytef *)to, &n) != Z_OK) {
            buf_done(&z->window);
            return;
        }
        buf_added(&z->window, n);
    }
    inflate_drop(z);
}

/* ---- out -------------------------------------------------------------------------------------- */

static int deflate_begin(struct imap_compress *z)
{
    if (z->deflating)
        return 0;
    z->deflate = (z_stream){0};
    if (deflateInit2(&z->deflate, DEFLATE_LEVEL, Z_DEFLATED, RAW_DEFLATE, DEFLATE_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return ERR_NOMEM;
    z->deflating = true;
    return 0;
}

/* All of `out` to the host, flushed. */
static int deflate_all(struct imap_compress *z, struct buf *to)
{
    if (z->out.err != 0 || z->out.n == 0)
        return z->out.err;
    int err = deflate_begin(z);
    if (err != 0)
        return err;
    z->deflate.next_in = (z_const Bytef *)(uintptr_t)z->out.p;
    z->deflate.avail_in = (uInt)z->out.n;
    do { /* all is out when the last piece has room left */
        char *at = buf_room(to, OUT_PIECE);
        if (at == NULL)
            return to->err;
        z->deflate.next_out = (Bytef *)at;
        z->deflate.avail_out = OUT_PIECE;
        int r = deflate(&z->deflate, Z_SYNC_FLUSH);
        must(r == Z_OK || r == Z_BUF_ERROR);
        buf_added(to, OUT_PIECE - z->deflate.avail_out);
    } while (z->deflate.avail_out == 0);
    buf_clear(&z->out);
    return 0;
}

/* ---- a step ------------------------------------------------------------------------------------ */

/* Units that are whole, until one wants something else. */
static enum step run_units(struct imap *i, struct imap_compress *z)
{
    while (z->plain.n > 0) {
        ssize_t n = imap_plain_frame(i, span_slice(buf_span(&z->plain), 0, i->s.unit_max));
        if (n == 0)
            return STEP_DONE;
        if (n < 0)
            return imap_plain_wake(i, WAKE_ABORTED);
        enum step step = imap_plain_unit(i, span_slice(buf_span(&z->plain), 0, (size_t)n));
        buf_consume(&z->plain, (size_t)n);
        if (step != STEP_DONE)
            return step;
        arena_reset(i->s.arena);
        if (z->out.n >= IMAP_OUT_STEP)
            return STEP_MORE;
    }
    return STEP_DONE;
}

/* All that has come, as far as `step` allows. */
static enum step go_on(struct imap *i, struct imap_compress *z, enum step step)
{
    while (step == STEP_DONE) {
        step = run_units(i, z);
        if (step != STEP_DONE || z->in.n == 0)
            break;
        int err = inflate_some(z);
        if (err != 0)
            step = imap_bye(i, SPAN_EMPTY,
                            err == ERR_NOMEM ? err_text(err)
                                             : "This is not compressed; closing the connection");
    }
    return step;
}

static enum step finish(struct imap *i, struct imap_compress *z, struct buf *host, enum step step)
{
    i->s.out = host;
    int err = deflate_all(z, host);
    if (err != 0) {
        log_event(LOG_ERROR, "imap.compress", LOG_ERR(err));
        return STEP_CLOSE;
    }
    if (step != STEP_DONE && step != STEP_WAIT)
        return step;
    deflate_drop(z);
    inflate_park(z);
    buf_done(&z->out);
    if (z->in.n == 0)
        buf_done(&z->in);
    if (z->plain.n == 0)
        buf_done(&z->plain);
    return step;
}

enum step imap_compress_handle(struct imap *i, struct span unit)
{
    struct imap_compress *z = i->compress;
    struct buf *host = i->s.out;
    i->s.out = &z->out;
    buf_put(&z->in, unit);
    enum step step = z->in.err != 0 ? imap_bye(i, SPAN("UNAVAILABLE"), err_text(z->in.err))
                                    : go_on(i, z, STEP_DONE);
    return finish(i, z, host, step);
}

enum step imap_compress_wake(struct imap *i, enum wake why)
{
    struct imap_compress *z = i->compress;
    struct buf *host = i->s.out;
    i->s.out = &z->out;
    enum step step = imap_plain_wake(i, why);
    if (step == STEP_DONE)
        arena_reset(i->s.arena);
    return finish(i, z, host, go_on(i, z, step));
}

enum step imap_cmd_compress(struct imap *i, const struct imap_arg *args)
{
    if (imap_args_count(args) != 1 || !imap_arg_is(args, SPAN("DEFLATE")))
        return imap_bad_args(i);
    if (i->compress != NULL)
        return imap_bad(i, "Compression is on already");
    struct imap_compress *z = imap_compress_new(i->server->spools->memory);
    if (z == NULL)
        return imap_no_of(i, ERR_NOMEM);
    enum step step = imap_ok(i, SPAN_EMPTY, "Compressed from here on");
    i->compress = z;
    return step;
}
