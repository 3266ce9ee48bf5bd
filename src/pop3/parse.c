/* SPDX-License-Identifier: Apache-2.0 */
#include "pop3/internal.h"

struct span pop3_chomp(struct span unit)
{
    if (span_ends(unit, SPAN("\n")))
        unit.n--;
    if (span_ends(unit, SPAN("\r")))
        unit.n--;
    return unit;
}

int pop3_parse(struct span text, struct pop3_line *out)
{
    struct span rest = text;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return ERR_INVALID;
    *out = (struct pop3_line){.keyword = span_split(&rest, ' ')};
    out->rest = rest;
    /* more than one space between arguments, or one at the end, is what people type: passed over */
    while (rest.n > 0) {
        struct span arg = span_split(&rest, ' ');
        if (arg.n == 0)
            continue;
        if (out->arg_n < POP3_ARGS_MAX)
            out->arg[out->arg_n] = arg;
        out->arg_n++;
    }
    return out->keyword.n > 0 ? 0 : ERR_INVALID;
}
