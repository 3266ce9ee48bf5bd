/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a subject: its base is UTF-8, squeezed and trimmed. Nothing that is left at its ends would be
 * removed by another pass, except that the last blob stands. */
#include "fuzz.h"

#include "message/subject.h"
#include "message/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct buf out, again;
    bool reply;
    buf_init(&out, WORDS_GROWTH * size + 64);
    buf_init(&again, WORDS_GROWTH * WORDS_GROWTH * size + 64);
    must(subject_base(in, &out, &reply) == 0);
    struct span base = buf_span(&out);
    must(span_is_utf8(base) && span_eq(base, span_trim(base)));
    must(span_find(base, SPAN("  ")) < 0 && span_chr(base, '\t') < 0 && span_chr(base, '\n') < 0);
    /* an encoded-word that was encoded itself is decoded by a second pass */
    if (span_find(base, SPAN("=?")) < 0) {
        must(subject_base(base, &again, &reply) == 0);
        must(span_eq(buf_span(&again), base) && !reply);
    }
    buf_done(&out);
    buf_done(&again);
    return 0;
}
