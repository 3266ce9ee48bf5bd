/* SPDX-License-Identifier: Apache-2.0 */
/* Between reading parameters and joining them (RFC 2231). Private to the room. */
#ifndef MESSAGE_PARAMS_IMPL_H
#define MESSAGE_PARAMS_IMPL_H

#include "message/params.h"

/* A parameter as it was written, but for quotes and case: "filename*12*" is filename, 12, extended. */
struct segment {
    struct span name;
    struct span value;
    int number; /* -1: none */
    bool extended;
    bool used;
};

struct segment segment_of(struct span name);

/* In the order of their first segments. `segments` is changed. */
struct mime_param *params_join(struct segment *segments, size_t n, struct arena *a);

#endif
