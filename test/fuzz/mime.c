/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message: its structure is sound, and the same in whatever pieces it comes. */
#include "fuzz.h"

#include "mime_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mime_walk_all(span_of(data, size));
    return 0;
}
