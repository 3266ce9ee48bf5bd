/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the room. */
#ifndef DELIVERY_INTERNAL_H
#define DELIVERY_INTERNAL_H

#include "delivery/delivery.h"

/* The class of that name, or the default one if it is gone. */
int delivery_class(struct delivery *d,
                   struct span name,
                   struct arena *a,
                   struct class_of_service *out) MUST_CHECK;

#endif
