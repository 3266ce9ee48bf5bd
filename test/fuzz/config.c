/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: read, or refused with words. */
#include "fuzz.h"

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf why;
    struct config *c = NULL;
    buf_init(&why, 1024 * 1024);
    int err = config_parse(span_of(data, size), "m.conf", &why, &c);
    must((err == 0) == (why.n == 0));
    must((err == 0) == (c != NULL));
    if (err != 0)
        must(span_starts(buf_span(&why), SPAN("m.conf:")) && span_ends(buf_span(&why), SPAN("\n")));
    config_unref(c);
    buf_done(&why);
    return 0;
}
