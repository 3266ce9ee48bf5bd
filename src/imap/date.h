/* SPDX-License-Identifier: Apache-2.0 */
/* Dates in IMAP's commands. Pure functions. (print.h writes them.) */
#ifndef IMAP_DATE_H
#define IMAP_DATE_H

#include "base/span.h"

/* RFC 9051 §9 date-time, without its quotes: " 1-Jul-1996 02:44:25 -0700", in milliseconds since 1970, which
 * may be negative: servers that mail is moved from date broken messages 1601 or 1969. ERR_INVALID: not of this form, or
 * no such day. */
int imap_date_time_read(struct span s, int64_t *wall_ms_out) MUST_CHECK;

#endif
