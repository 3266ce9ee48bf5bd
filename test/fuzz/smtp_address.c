/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an SMTP address: what is taken parses again to the same parts. */
#include "base/base.h"
#include "base/limits.h"
#include "message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_of(data, n);
    struct smtp_address a, again;
    ssize_t taken = smtp_address_parse(in, &a);
    if (taken < 0)
        return 0;
    must(taken > 0 && (size_t)taken <= n && a.local.n > 0);
    size_t whole = a.local.n + (a.domain.n > 0 ? 1 + a.domain.n : 0);
    must(whole <= LIMIT_ADDRESS && a.local.p + whole == in.p + taken);
    must(smtp_address_parse(span_of(a.local.p, whole), &again) == (ssize_t)whole);
    must(span_eq(a.local, again.local) && span_eq(a.domain, again.domain));
    must(a.utf8 == again.utf8 && a.literal == again.literal);
    for (size_t i = 0; i < whole; i++)
        must((unsigned char)a.local.p[i] >= 32 && a.local.p[i] != 127);
    return 0;
}
