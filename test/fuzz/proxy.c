/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is said of the whole header must have been "more" for every part of it. */
#include "net/proxy.h"
#include "base/err.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole, part;
    struct span in = span_of(data, size);
    ssize_t n = proxy_parse(in, &whole);
    must(n <= (ssize_t)size && n <= PROXY_V2_MAX);
    must(n >= 0 || n == ERR_INVALID || n == ERR_TOO_BIG);
    if (n == 0)
        must(size < PROXY_V2_MAX);
    if (n <= 0)
        return 0;
    /* not every prefix of a long one: that would be quadratic */
    size_t step = (size_t)n > 512 ? 61 : 1;
    for (size_t i = 0; i < (size_t)n; i += step)
        must(proxy_parse(span_slice(in, 0, i), &part) == 0);
    must(proxy_parse(span_slice(in, 0, (size_t)n), &part) == n);
    must(part.local == whole.local && (part.local || ip_eq(part.source, whole.source)));
    return 0;
}
