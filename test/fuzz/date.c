/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a date: what parses, prints to something that parses to the same second. */
#include "base/base.h"
#include "message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int64_t ms, again;
    if (date_parse(span_of(data, n), &ms) != 0)
        return 0;
    struct buf b;
    buf_init(&b, 64);
    date_print(&b, ms);
    must(b.err == 0);
    /* zones reach a day across the ends of the years that are taken: those print but do not parse
     */
    if (ms > -INT64_C(2208816000000) && ms < INT64_C(253402128000000))
        must(date_parse(buf_span(&b), &again) == 0 && again == ms);
    buf_done(&b);
    return 0;
}
