/* SPDX-License-Identifier: Apache-2.0 */
/* Inflating is done in pieces of PIECE, and no more of it than one answer at a time: a stream that inflates to a thousand
 * times its size is commands like any others, handled while the client takes the answers.
 *
 * Nor is it done beyond the block in which a line ends, before that line is handled: it may be UNAUTHENTICATE, and what
 * is behind it plain (RFC 8437 §4.1). Where the client's stream ends then it need not say: a final block says it, and so does
 * text where a block could begin, because none that ends a stream begins like text. */
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
    OUT_MAX = LIMIT_SESSION_OUT + IMAP_OUT_STEP, /* answers before it may wait */
    OUT_PIECE = 8 * 1024,
};

enum inbound {
    IN_DEFLATED,
    IN_ENDING, /* UNAUTHENTICATE came: what ends the stream is still deflated */
    IN_PLAIN,  /* it has ended: what was read with it is handled here, then this layer goes */
};

struct imap_compress {
    enum inbound inbound;
    struct buf in;     /* from the client, not inflated yet */
    struct buf plain;  /* inflated, not handled yet */
    struct buf out;    /* the session's answers of this step */
    struct buf window; /* while there is no decompressor: what it has to know */
    struct buf *host;  /* during a step: where answers go to */
    z_stream inflate, deflate;
    bool inflating, deflating; /* these are there */
    bool full;                 /* the decompressor has more than there was room for */
    bool ended;                /* the client's stream had a final block */
    bool held;                 /* not all of `out` was taken; `then` follows when it is */
    enum step then;
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

/* To the end of a block, or of what there is. */
static int inflate_block(struct imap_compress *z)
{
    int r = inflate(&z->inflate, Z_BLOCK);
    if (r == Z_OK && (z->inflate.data_type & 0xc0) == 0xc0) /* the end of a final block */
        r = inflate(&z->inflate, Z_BLOCK);
    z->ended = r == Z_STREAM_END;
    return r == Z_BUF_ERROR ? Z_OK : r;
}

/* Some more of `in` to `plain`, up to the end of a block that has the end of a line; when the stream ends,
 * of any. ERR_INVALID: it is no stream. */
static int inflate_some(struct imap_compress *z)
{
    size_t room = PLAIN_MAX - z->plain.n < PIECE ? PLAIN_MAX - z->plain.n : PIECE;
    int r = Z_OK;
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
    for (bool line = false; r == Z_OK && !line && z->inflate.avail_out > 0;) {
        struct span got = {.p = (char *)z->inflate.next_out, .n = z->inflate.avail_out};
        uInt left = z->inflate.avail_in;
        r = inflate_block(z);
        got.n -= z->inflate.avail_out;
        line = span_chr(got, '\n') >= 0 || z->inbound == IN_ENDING;
        if (got.n == 0 && z->inflate.avail_in == left)
            break;
    }
    z->full = z->inflate.avail_out == 0;
    buf_consume(&z->in, z->in.n - z->inflate.avail_in);
    buf_added(&z->plain, room - z->inflate.avail_out);
    return r == Z_OK || r == Z_STREAM_END ? 0 : r == Z_MEM_ERROR ? ERR_NOMEM : ERR_INVALID;
}

/* Between two blocks, with no bit left over? Then the next octet begins a block, if it is of the stream. */
static bool is_between(const struct imap_compress *z)
{
    return !z->inflating || (z->inflate.data_type & 0xff) == 128;
}

/* UNAUTHENTICATE was the last of the stream but what ends it. */
static int inflate_end(struct imap_compress *z)
{
    if (z->plain.n > 0)
        return ERR_INVALID;
    if (!z->ended && !(is_between(z) && z->in.n > 0 && z->in.p[0] >= 0x20 && z->in.p[0] < 0x7f))
        return inflate_some(z);
    inflate_drop(z);
    buf_done(&z->window);
    z->inbound = IN_PLAIN;
    return 0;
}

static int plain_some(struct imap_compress *z)
{
    struct span some = span_slice(buf_span(&z->in), 0, PLAIN_MAX - z->plain.n);
    buf_put(&z->plain, some);
    buf_consume(&z->in, some.n);
    return z->plain.err;
}

static bool has_more(const struct imap_compress *z)
{
    return z->in.n > 0 || (z->inbound != IN_PLAIN && (z->full || z->ended));
}

/* Some more to `plain`. ERR_INVALID: it is no stream, or the client has ended it. */
static int read_some(struct imap_compress *z)
{
    switch (z->inbound) {
    case IN_DEFLATED: return z->ended ? ERR_INVALID : inflate_some(z);
    case IN_ENDING: return inflate_end(z);
    case IN_PLAIN: break;
    }
    return plain_some(z);
}

/* Between two blocks the window is all that a decompressor knows; elsewhere it stays. */
static void inflate_park(struct imap_compress *z)
{
    uInt n = 0;
    if (!z->inflating || !is_between(z))
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

/* The first n octets of `out` to the host. */
static int deflate_some(struct imap_compress *z, size_t n, int flush)
{
    int err = deflate_begin(z);
    if (err != 0)
        return err;
    z->deflate.next_in = (z_const Bytef *)(uintptr_t)z->out.p;
    z->deflate.avail_in = (uInt)n;
    do { /* all is out when the last piece has room left */
        char *at = buf_room(z->host, OUT_PIECE);
        if (at == NULL)
            return z->host->err;
        z->deflate.next_out = (Bytef *)at;
        z->deflate.avail_out = OUT_PIECE;
        int r = deflate(&z->deflate, flush);
        must(r == Z_OK || r == Z_BUF_ERROR || r == Z_STREAM_END);
        buf_added(z->host, OUT_PIECE - z->deflate.avail_out);
    } while (z->deflate.avail_out == 0);
    buf_consume(&z->out, n);
    return 0;
}

/* `out` to the host, flushed, as far as it takes it: what does not compress grows. */
static int deflate_out(struct imap_compress *z)
{
    int err = z->out.err;
    while (err == 0 && z->out.n > 0 && z->host->n <= LIMIT_SESSION_OUT / 2)
        err = deflate_some(z, z->out.n < IMAP_OUT_STEP ? z->out.n : IMAP_OUT_STEP, Z_SYNC_FLUSH);
    return err;
}

/* RFC 8437 §4.1: behind the CRLF of this answer nothing is compressed, and behind that of the command. */
void imap_compress_end(struct imap *i)
{
    struct imap_compress *z = i->compress;
    if (z == NULL || z->inbound != IN_DEFLATED)
        return;
    z->inbound = IN_ENDING;
    if (z->out.err == 0)
        z->out.err = deflate_some(z, z->out.n, Z_FINISH);
    deflate_drop(z);
    i->s.out = z->host;
}

/* ---- a step ------------------------------------------------------------------------------------ */

/* Units that are whole, until one wants something else. */
static enum step run_units(struct imap *i, struct imap_compress *z)
{
    while (z->plain.n > 0 && z->inbound != IN_ENDING) {
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
        if (i->s.out->n >= IMAP_OUT_STEP)
            return STEP_MORE;
    }
    return STEP_DONE;
}

/* All that has come, as far as `step` allows. */
static enum step go_on(struct imap *i, struct imap_compress *z, enum step step)
{
    while (step == STEP_DONE) {
        step = run_units(i, z);
        if (step != STEP_DONE || !has_more(z))
            break;
        int err = read_some(z);
        if (err != 0)
            step = imap_bye(i, SPAN_EMPTY,
                            err == ERR_NOMEM ? err_text(err)
                                             : "This is not compressed; closing the connection");
    }
    return step;
}

static void begin(struct imap *i, struct imap_compress *z)
{
    z->host = i->s.out;
    if (z->inbound == IN_DEFLATED)
        i->s.out = &z->out;
}

/* What an idle session need not keep. */
static void park(struct imap_compress *z)
{
    deflate_drop(z);
    inflate_park(z);
    buf_done(&z->out);
    if (z->in.n == 0)
        buf_done(&z->in);
    if (z->plain.n == 0)
        buf_done(&z->plain);
}

static enum step finish(struct imap *i, struct imap_compress *z, enum step step)
{
    i->s.out = z->host;
    int err = deflate_out(z);
    if (err != 0) {
        log_event(LOG_ERROR, "imap.compress", LOG_ERR(err));
        return STEP_CLOSE;
    }
    z->held = z->out.n > 0;
    if (z->held) {
        z->then = step;
        return STEP_MORE;
    }
    if (step == STEP_STARTTLS) { /* thrown away like the rest of what came before */
        buf_done(&z->in);
        buf_done(&z->plain);
    }
    if (step == STEP_DONE || step == STEP_WAIT)
        park(z);
    if (z->inbound == IN_PLAIN && z->in.n == 0 && z->plain.n == 0) {
        i->compress = NULL;
        imap_compress_free(z);
    }
    return step;
}

enum step imap_compress_handle(struct imap *i, struct span unit)
{
    struct imap_compress *z = i->compress;
    begin(i, z);
    buf_put(&z->in, unit);
    enum step step = z->in.err != 0 ? imap_bye(i, SPAN("UNAVAILABLE"), err_text(z->in.err))
                                    : go_on(i, z, STEP_DONE);
    return finish(i, z, step);
}

enum step imap_compress_wake(struct imap *i, enum wake why)
{
    struct imap_compress *z = i->compress;
    begin(i, z);
    if (z->held && (why == WAKE_MORE || z->then == STEP_CLOSE))
        return finish(i, z, z->then);
    enum step step = imap_plain_wake(i, why);
    if (step == STEP_DONE)
        arena_reset(i->s.arena);
    return finish(i, z, go_on(i, z, step));
}

enum step imap_cmd_compress(struct imap *i, const struct imap_arg *args)
{
    struct imap_compress *z = i->compress;
    if (imap_args_count(args) != 1 || !imap_arg_is(args, SPAN("DEFLATE")))
        return imap_bad_args(i);
    if (z != NULL && z->inbound == IN_DEFLATED)
        return imap_bad(i, "Compression is on already");
    if (z == NULL)
        z = imap_compress_new(i->server->spools->memory);
    if (z == NULL)
        return imap_no_of(i, ERR_NOMEM);
    enum step step = imap_ok(i, SPAN_EMPTY, "Compressed from here on");
    if (i->compress != NULL) { /* the last one has not gone yet */
        z->inbound = IN_DEFLATED;
        z->ended = z->full = false;
        i->s.out = &z->out;
    }
    i->compress = z;
    return step;
}
