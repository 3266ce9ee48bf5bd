/* SPDX-License-Identifier: Apache-2.0 */
/* From a "<" to the next ">"; another "<" before it begins anew. Neither is looked for in quotes, where the grammar
 * would allow them: no mail has that, and a quote that is left open must not hide the ids behind it. */
#include "message/message_ids.h"

/* What is in the brackets, without white space and quotes. false: no Message ID. */
static bool put_id(struct span inside, struct buf *out)
{
    size_t start = out->n, at = 0; /* at: bytes up to the "@" */
    bool quoted = false;
    for (size_t i = 0; i < inside.n; i++) {
        char c = inside.p[i];
        if (c == '"') {
            quoted = !quoted;
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (quoted && c == '\\' && i + 1 < inside.n)
            c = inside.p[++i];
        else if (c == '@' && !quoted && at == 0)
            at = out->n + 1 - start;
        buf_putc(out, c);
    }
    return at > 1 && start + at < out->n;
}

bool message_id_take(struct span *text, struct buf *out)
{
    size_t start = out->n, open = 0;
    bool opened = false;
    for (size_t i = 0; i < text->n && out->err == 0; i++) {
        if (text->p[i] == '<') {
            open = i + 1;
            opened = true;
        } else if (text->p[i] == '>' && opened) {
            opened = false;
            if (put_id(span_slice(*text, open, i - open), out)) {
                *text = span_from(*text, i + 1);
                return out->err == 0;
            }
            if (out->err == 0)
                buf_truncate(out, start);
        }
    }
    *text = span_from(*text, text->n);
    return false;
}
