/* SPDX-License-Identifier: Apache-2.0 */
/* A message on its way out: read in chunks, dot-stuffed (RFC 1939 §3), cut after the lines TOP
 * asked for, ended with CRLF and the "." line. Memory: one chunk, whatever the message's size.
 *
 * Damage must be known before "+OK", because after it there is no way to say so. What is no larger than a mebibyte, a
 * chunk of the store, is known to be whole once its first byte is read; a longer one is checked first, which reads it twice:
 * the price of never having a damaged message end every session that tries to fetch what comes after it. */
#include "pop3/internal.h"

#include "message/message.h"

enum {
    STREAM_CHUNK =
        SESSION_STRIDE - 1024,       /* with what dots and the first line add, mostly one stride */
    STREAM_HEADER_MAX = 1024 * 1024, /* of what a surrogate is made; SMTP takes half of it */
};

static int stream_fill(struct pop3_stream *st)
{
    size_t before = st->chunk.n;
    int err = store_blob_read(st->reader, st->offset, STREAM_CHUNK, &st->chunk);
    if (err != 0)
        return err;
    if (st->chunk.n == before && st->offset < st->size)
        return ERR_CORRUPT;
    st->offset += st->chunk.n - before;
    return 0;
}

/* RFC 6856 §2.1: without UTF8 mode header fields in UTF-8 must not be sent as they are. */
static int stream_downgrade(struct pop3_stream *st)
{
    size_t header;
    for (;;) {
        struct span have = buf_span(&st->chunk);
        header = header_size(have);
        if (header < have.n || st->offset >= st->size)
            break;
        if (have.n >= STREAM_HEADER_MAX)
            return ERR_UNSUPPORTED;
        int err = stream_fill(st);
        if (err != 0)
            return err;
    }
    if (span_is_ascii(span_slice(buf_span(&st->chunk), 0, header)))
        return 0;
    struct buf made;
    buf_init(&made, 4 * STREAM_HEADER_MAX + STREAM_CHUNK);
    pop3_surrogate(&made, span_slice(buf_span(&st->chunk), 0, header));
    buf_put(&made, span_from(buf_span(&st->chunk), header));
    buf_done(&st->chunk);
    st->chunk = made;
    return made.err;
}

int pop3_stream_open(struct pop3 *p, const struct mail_entry *e, uint64_t lines)
{
    struct pop3_stream *st = &p->stream;
    struct blob_info info;
    pop3_stream_close(st);
    int err = mailbox_message_open(p->server->mail, p->account, e->message, &st->reader, &info);
    if (err != 0) {
        st->reader = NULL;
        return err;
    }
    *st = (struct pop3_stream){.reader = st->reader, .size = info.size, .lines_left = lines};
    buf_init(&st->chunk, STREAM_HEADER_MAX + 2 * STREAM_CHUNK);
    err = stream_fill(st);
    if (err == 0 && lines == UINT64_MAX && st->offset < st->size)
        err = store_blob_check(st->reader);
    if (err == 0 && !p->utf8)
        err = stream_downgrade(st);
    if (err != 0)
        pop3_stream_close(st);
    return err;
}

/* A whole or partial line, from `s` up to its LF or the end. */
static void stream_line(struct pop3_stream *st, struct buf *out, struct span s)
{
    if (st->line_n == 0 && s.p[0] == '.')
        buf_putc(out, '.');
    buf_put(out, s);
    char end = s.p[s.n - 1];
    char before = s.n > 1 ? s.p[s.n - 2] : st->last;
    uint64_t n = st->line_n + s.n;
    st->last = end;
    if (end != '\n') {
        st->line_n = n;
        return;
    }
    /* LF alone ends a line here too: a client that sees one must not see an unstuffed dot behind it
     */
    st->line_n = 0;
    if (st->body) {
        if (st->lines_left != UINT64_MAX)
            st->lines_left--;
    } else {
        st->body = n == 1 || (n == 2 && before == '\r');
    }
    st->done = st->body && st->lines_left == 0;
}

/* All of `s`, where lines need not be counted. What encodes an attachment has no dots, so looking for them goes through most
 * of a message at once. */
static void stream_all(struct pop3_stream *st, struct buf *out, struct span s)
{
    size_t done = 0;
    ssize_t dot;
    for (size_t at = 0; (dot = span_chr(span_from(s, at), '.')) >= 0;) {
        at += (size_t)dot;
        if (at > 0 ? s.p[at - 1] == '\n' : st->line_n == 0) {
            buf_put(out, span_slice(s, done, at - done));
            buf_putc(out, '.');
            done = at;
        }
        at++;
    }
    buf_put(out, span_from(s, done));
    st->last = s.p[s.n - 1];
    st->line_n = st->last != '\n';
}

int pop3_stream_more(struct pop3_stream *st, struct buf *out)
{
    size_t used = 0, room = STREAM_CHUNK;
    if (st->chunk.n == 0 && !st->done && st->offset < st->size) {
        int err = stream_fill(st);
        if (err != 0)
            return err;
    }
    struct span rest = span_slice(buf_span(&st->chunk), 0, room);
    if (rest.n > 0 && st->lines_left == UINT64_MAX) {
        stream_all(st, out, rest);
        used = rest.n;
        rest = SPAN_EMPTY;
    }
    while (rest.n > 0 && !st->done) {
        ssize_t lf = span_chr(rest, '\n');
        struct span line = lf < 0 ? rest : span_slice(rest, 0, (size_t)lf + 1);
        stream_line(st, out, line);
        rest = span_from(rest, line.n);
        used += line.n;
    }
    buf_consume(&st->chunk, used);
    if (!st->done && (st->chunk.n > 0 || st->offset < st->size))
        return 1;
    if (st->line_n > 0)
        buf_puts(out, st->last == '\r' ? "\n" : "\r\n");
    buf_puts(out, ".\r\n");
    return 0;
}

void pop3_stream_close(struct pop3_stream *st)
{
    if (st->reader != NULL)
        store_blob_close(st->reader);
    st->reader = NULL;
    buf_done(&st->chunk);
}
