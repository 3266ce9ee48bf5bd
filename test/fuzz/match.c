/* SPDX-License-Identifier: Apache-2.0 */
/* A string up to the first LF and a message behind it: found in pieces as in the whole, and in the body only if
 * also where the headers are looked into. */
#include "fuzz.h"

#include "message/casemap.h"
#include "message/match.h"
#include "message/structure.h"

static void look(struct span message, struct match_needle v[static 2], size_t cut, struct arena *a)
{
    struct match *m = match_new(a, v, 2);
    for (; message.n > 0 && !match_is_done(m); message = span_from(message, cut))
        match_feed(m, span_slice(message, 0, cut));
    must(match_end(m) == 0);
    arena_reset(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct span text = span_split(&in, '\n');
    struct arena *a = arena_new(MIME_ARENA);
    struct buf key;
    buf_init(&key, CASEMAP_GROWTH * size + 64);
    casemap_put(&key, text);
    struct match_needle whole[2] = {{.key = buf_span(&key)},
                                    {.key = buf_span(&key), .headers = true}};
    struct match_needle pieces[2] = {whole[0], whole[1]};
    look(in, whole, size + 1, a);
    look(in, pieces, 1 + size % 5, a);
    must(whole[0].found == pieces[0].found && whole[1].found == pieces[1].found);
    must(whole[1].found || !whole[0].found);
    buf_done(&key);
    arena_free(a);
    return 0;
}
