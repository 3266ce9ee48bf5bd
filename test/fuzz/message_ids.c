/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a References field: each id has an "@" inside and no white space, and what has no special characters is
 * read again as itself. */
#include "fuzz.h"

#include "message/message_ids.h"

static bool is_plain(struct span id)
{
    size_t ats = 0;
    for (size_t i = 0; i < id.n; i++) {
        ats += id.p[i] == '@';
        if (id.p[i] == '"' || id.p[i] == '\\' || id.p[i] == '<' || id.p[i] == '>' ||
            id.p[i] == ' ' || id.p[i] == '\t' || id.p[i] == '\r' || id.p[i] == '\n')
            return false;
    }
    return ats == 1;
}

static void read_again(struct span id)
{
    struct buf written, again;
    buf_init(&written, id.n + 2);
    buf_init(&again, id.n + 2);
    buf_putc(&written, '<');
    buf_put(&written, id);
    buf_putc(&written, '>');
    struct span text = buf_span(&written);
    must(message_id_take(&text, &again) && span_eq(buf_span(&again), id) && text.n == 0);
    buf_done(&written);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct buf out;
    buf_init(&out, size + 1);
    while (message_id_take(&text, &out)) {
        struct span id = buf_span(&out);
        must(id.n >= 3 && span_chr(id, '@') >= 0);
        if (is_plain(id))
            read_again(id);
        buf_clear(&out);
    }
    must(out.n == 0 && out.err == 0 && text.n == 0);
    buf_done(&out);
    return 0;
}
