/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message: the header walk and what reads values. */
#include "base/base.h"
#include "message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span m = span_of(data, n);
    struct arena *a = arena_new(8 * n + 4096);
    struct header_walk w = header_walk_of(m);
    struct header_field f;
    size_t size = header_size(m), last = 0;
    must(size <= n);
    while (header_next(&w, &f)) {
        must(f.offset >= last && f.offset < size && f.name.n > 0);
        must(f.value.p >= m.p && f.value.p + f.value.n <= m.p + size);
        must(span_chr(f.name, ':') < 0 && span_is_ascii(f.name));
        last = f.offset + 1;
        arena_reset(a);
        struct span flat = header_unfold(f.value, a);
        must(span_chr(flat, '\n') < 0 && span_chr(flat, '\r') < 0);
        struct span first = header_first_address(f.value, a);
        struct smtp_address parts;
        must(first.n == 0 || smtp_address_parse(first, &parts) == (ssize_t)first.n);
    }
    arena_free(a);
    return 0;
}
