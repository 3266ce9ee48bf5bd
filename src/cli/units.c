/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and counts. */
#include "cli/units.h"

static int shift_of(char unit)
{
    switch (ascii_lower(unit)) {
    case 'k': return 10;
    case 'm': return 20;
    case 'g': return 30;
    case 't': return 40;
    default: return 0;
    }
}

bool units_parse(struct span text, bool bytes, uint64_t *out)
{
    int shift = 0;
    uint64_t whole = 0, part = 0;
    if (span_ieq(text, SPAN("none")) || span_ieq(text, SPAN("unlimited"))) {
        *out = 0;
        return true;
    }
    if (bytes && text.n > 1 && ascii_lower(text.p[text.n - 1]) == 'b')
        text.n--;
    if (bytes && text.n > 1 && (shift = shift_of(text.p[text.n - 1])) > 0)
        text.n--;
    struct span fraction = text;
    struct span number = span_split(&fraction, '.');
    bool has_fraction = number.n < text.n;
    if (!span_to_u64(number, &whole) || whole > (UINT64_MAX >> shift >> 1))
        return false;
    whole <<= shift;
    if (has_fraction) {
        uint64_t scale = 1;
        if (shift == 0 || fraction.n > 3 || !span_to_u64(fraction, &part))
            return false;
        for (size_t i = 0; i < fraction.n; i++)
            scale *= 10;
        whole += (part << shift) / scale;
    }
    *out = whole;
    return true;
}
