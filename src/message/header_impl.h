/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room: what a header line is, for everybody who reads them. */
#ifndef MESSAGE_HEADER_IMPL_H
#define MESSAGE_HEADER_IMPL_H

#include "base/span.h"

/* The name of the field that `line` begins, or the empty span if it begins none. */
struct span header_field_name(struct span line);

#endif
