/* SPDX-License-Identifier: Apache-2.0 */
/* How much an account has sent in the last hour, for the limits of its class of service. In memory: a
 * restart begins a new hour. Shared by all sessions; thread-safe; bounded (the longest silent account goes
 * first). Never blocks. */
#ifndef SMTP_RATE_H
#define SMTP_RATE_H

#include "base/clock.h"

struct smtp_rates;

struct smtp_rates *smtp_rates_new(struct clock *clock) MUST_CHECK;
void smtp_rates_free(struct smtp_rates *r); /* NULL is fine */

#endif
