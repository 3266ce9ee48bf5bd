/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as plain text and as HTML: a line of words in UTF-8. */
#include "fuzz.h"

#include "base/limits.h"
#include "message/charset.h"
#include "message/preview.h"

static void check(void (*words)(struct span, struct buf *), struct span text)
{
    struct buf out;
    size_t n = 0;
    buf_init(&out, 4 * LIMIT_PREVIEW);
    words(text, &out);
    struct span rest = buf_span(&out);
    must(out.err == 0 && span_is_utf8(rest) && span_eq(rest, span_trim(rest)));
    must(span_chr(rest, '\n') < 0 && span_chr(rest, '\r') < 0 && span_find(rest, SPAN("  ")) < 0);
    for (; rest.n > 0; n++)
        (void)utf8_take(&rest);
    must(n <= LIMIT_PREVIEW);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text;
    buf_init(&text, 4 * size + 16);
    must(charset_to_utf8(SPAN_EMPTY, span_of(data, size), &text) == 0);
    check(preview_of_plain, buf_span(&text));
    check(preview_of_html, buf_span(&text));
    buf_done(&text);
    return 0;
}
