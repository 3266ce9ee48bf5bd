/* SPDX-License-Identifier: Apache-2.0 */
/* How much an account has sent in the last hour, for the limits of its class of service. In memory:
 * a restart begins a new hour. Shared by all sessions; thread-safe; bounded (when it is full,
 * accounts that sent nothing for an hour go first, then the one longest silent of a few looked at).
 * Never blocks on anything but its own mutex. */
#ifndef SMTP_RATE_H
#define SMTP_RATE_H

#include "base/clock.h"

struct smtp_rates;

struct smtp_rates *smtp_rates_new(struct clock *clock) MUST_CHECK;
void smtp_rates_free(struct smtp_rates *r); /* NULL is fine */

struct smtp_amount {
    uint64_t messages;
    uint64_t recipients;
};

/* Would `want` more keep within `limit` (0: none)? 0, or the milliseconds until it would. */
int64_t smtp_rates_wait(struct smtp_rates *r,
                        uint64_t account_id,
                        struct smtp_amount want,
                        struct smtp_amount limit) MUST_CHECK;
/* Counts `want` if it keeps within `limit` (then 0), atomically; else as above. */
int64_t smtp_rates_take(struct smtp_rates *r,
                        uint64_t account_id,
                        struct smtp_amount want,
                        struct smtp_amount limit) MUST_CHECK;
/* What was taken was not sent after all. */
void smtp_rates_give_back(struct smtp_rates *r, uint64_t account_id, struct smtp_amount amount);

#endif
