/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Content-Type, Content-Disposition and Content-Language; what is found and written is found
 * again. */
#include "fuzz.h"

#include "base/limits.h"
#include "message/params.h"

static void check(const struct mime_param *p, struct buf *out)
{
    size_t n = 0;
    for (; p != NULL; p = p->next, n++) {
        must(p->name.n > 0 && (!p->extended || span_is_utf8(p->value)));
        must(span_chr(p->name, 'A') < 0);
        must(p->extended || (span_chr(p->value, '\n') < 0 && span_chr(p->value, '\r') < 0));
        if (!span_is_ascii(p->name) || span_chr(p->name, '*') >= 0 || !span_is_utf8(p->value))
            continue;
        buf_clear(out);
        buf_puts(out, "a/b");
        mime_param_write(p->name, p->value, out);
        struct arena *a = arena_new(1 << 24);
        struct span type, subtype;
        struct mime_param *again;
        must(mime_type_parse(buf_span(out), a, &type, &subtype, &again));
        must(again != NULL && span_eq(again->name, p->name) && span_eq(again->value, p->value));
        arena_free(a);
    }
    must(n <= LIMIT_MIME_PARAMS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size), type, subtype;
    struct mime_param *params;
    struct arena *a = arena_new(1 << 24);
    struct buf out;
    buf_init(&out, 64 * size + 4096);
    if (mime_type_parse(in, a, &type, &subtype, &params)) {
        must(type.n > 0 && subtype.n > 0);
        check(params, &out);
    }
    if (mime_disposition_parse(in, a, &type, &params))
        check(params, &out);
    for (struct mime_language *l = mime_languages_parse(in, a); l != NULL; l = l->next)
        must(l->tag.n > 0 && span_is_ascii(l->tag));
    must(arena_err(a) == 0);
    buf_done(&out);
    arena_free(a);
    return 0;
}
