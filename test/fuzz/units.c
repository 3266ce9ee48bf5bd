/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a size or a count: what is taken is no surprise. */
#include "fuzz.h"

#include "cli/units.h"

#include <stdio.h>

static void plain(uint64_t n)
{
    char text[32];
    uint64_t out;
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    struct span s = span_of(text, (size_t)size);
    must(units_parse(s, true, &out) == (n <= UINT64_MAX >> 1) && (n > UINT64_MAX >> 1 || out == n));
    must(units_parse(s, false, &out) == (n <= UINT64_MAX >> 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    uint64_t bytes, count;
    if (units_parse(in, false, &count)) {
        /* a count is digits or a word, and the same as a size */
        must(units_parse(in, true, &bytes) && bytes == count);
        plain(count);
    }
    if (units_parse(in, true, &bytes)) {
        must(in.n > 0);
        if (bytes <= UINT64_MAX >> 12) {
            /* with a unit more it is that many times as much, if it had none */
            char text[80];
            uint64_t more;
            if (span_to_u64(in, &count) && in.n < 40) {
                int n = snprintf(text, sizeof text, "%.*sK", SPAN_ARG(in));
                must(units_parse(span_of(text, (size_t)n), true, &more) && more == bytes * 1024);
            }
        }
        plain(bytes);
    }
    return 0;
}
