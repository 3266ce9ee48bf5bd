/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the text of a field: always UTF-8 and within its bound, what has no "=?" as unlabelled text; and its
 * comparison key, the same in two pieces, and its own key except for title case. */
#include "fuzz.h"

#include "message/casemap.h"
#include "message/charset.h"
#include "message/words.h"

static void check_casemap(struct span text, size_t cut)
{
    struct buf once, twice;
    buf_init(&once, CASEMAP_GROWTH * text.n + 64);
    buf_init(&twice, CASEMAP_GROWTH * text.n + 64);
    casemap_put(&once, text);
    while (cut < text.n && ((unsigned char)text.p[cut] & 0xc0) == 0x80)
        cut++;
    casemap_put(&twice, span_slice(text, 0, cut));
    casemap_put(&twice, span_from(text, cut));
    must(once.err == 0 && span_is_utf8(buf_span(&once)));
    must(span_eq(buf_span(&once), buf_span(&twice)));
    buf_done(&once);
    buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct buf out, plain;
    buf_init(&out, WORDS_GROWTH * size + 64);
    buf_init(&plain, WORDS_GROWTH * size + 64);
    must(words_decode(in, &out) == 0);
    must(span_is_utf8(buf_span(&out)) && out.n <= WORDS_GROWTH * size);
    must(charset_to_utf8(SPAN_EMPTY, in, &plain) == 0);
    if (span_find(in, SPAN("=?")) < 0)
        must(span_eq(buf_span(&out), buf_span(&plain)));
    check_casemap(buf_span(&out), size % 7);
    buf_done(&out);
    buf_done(&plain);
    return 0;
}
