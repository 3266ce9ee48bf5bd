/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message, whose summary must come back from its record as it was; that record after damage; and any
 * bytes as a record. */
#include "fuzz.h"

#include "base/limits.h"
#include "draw.h"
#include "summary_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    struct buf record;
    buf_init(&record, 2 * LIMIT_SUMMARY);
    summary_walk(d.rest, &record);
    (void)summary_walk_record(d.rest);
    if (record.n > 0) {
        draw_damage(&d, &record);
        (void)summary_walk_record(buf_span(&record));
    }
    buf_done(&record);
    return 0;
}
