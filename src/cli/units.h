/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people write them. */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include "base/span.h"

/* "10000"; with `bytes` also "2G", "500M", "64k", "1.5G" (powers of 1024, with or without a B).
 * "none" and "unlimited" are 0, which means no limit everywhere. */
bool units_parse(struct span text, bool bytes, uint64_t *out) MUST_CHECK;

#endif
