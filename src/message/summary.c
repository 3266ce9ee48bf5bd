/* SPDX-License-Identifier: Apache-2.0 */
/* The maker: the parser's sink is the preview's. */
#include "message/summary.h"

#include "base/err.h"
#include "message/message.h"
#include "message/preview.h"

struct summary_maker {
    struct mime_parser *parser;
    struct mime_sink sink;
    struct preview preview;
    struct arena *arena;
};

static void on_begin(void *context, struct mime_part *part)
{
    preview_begin(context, part);
}

static void on_body(void *context, struct mime_part *part, struct span bytes)
{
    preview_body(context, part, bytes);
}

static void on_end(void *context, struct mime_part *part)
{
    preview_end(context, part);
}

struct summary_maker *summary_maker_new(struct arena *a)
{
    struct summary_maker *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    m->arena = a;
    preview_init(&m->preview);
    m->sink = (struct mime_sink){
        .context = &m->preview, .begin = on_begin, .body = on_body, .end = on_end};
    m->parser = mime_parser_new(a, &m->sink);
    if (m->parser == NULL) {
        free(m);
        return NULL;
    }
    return m;
}

void summary_maker_feed(struct summary_maker *m, struct span piece)
{
    mime_parser_feed(m->parser, piece);
}

void summary_maker_free(struct summary_maker *m)
{
    if (m == NULL)
        return;
    mime_parser_free(m->parser);
    preview_done(&m->preview);
    free(m);
}

int summary_maker_end(struct summary_maker *m, struct message_summary *out)
{
    struct message_summary s = {0};
    int zone_min = 0;
    int err = mime_parser_end(m->parser, &s.root);
    m->parser = NULL;
    if (err == 0) {
        s.envelope = s.root->envelope;
        s.sent = date_parse_zone(s.envelope->date, &s.sent_ms, &zone_min) == 0;
        s.sent_local_ms = s.sent ? s.sent_ms + (int64_t)zone_min * 60000 : 0;
        s.preview = arena_dup(m->arena, preview_text(&m->preview));
        err = arena_err(m->arena);
    }
    summary_maker_free(m);
    if (err == 0)
        *out = s;
    return err;
}

int summary_make(const struct span *pieces, size_t n, struct buf *out)
{
    struct message_summary s;
    struct arena *a = arena_new(MIME_ARENA);
    struct summary_maker *m = a != NULL ? summary_maker_new(a) : NULL;
    int err = ERR_NOMEM;
    if (m != NULL) {
        for (size_t i = 0; i < n; i++)
            summary_maker_feed(m, pieces[i]);
        err = summary_maker_end(m, &s);
    }
    if (err == 0)
        err = summary_pack(&s, out);
    arena_free(a);
    return err;
}
