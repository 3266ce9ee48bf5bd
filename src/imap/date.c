/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/date.h"

#include "base/err.h"

/* Digits at `at`, of which the first may be a space; -1: there are none. */
static int number(struct span s, size_t at, size_t n, bool space)
{
    uint32_t v;
    struct span text = span_slice(s, at, n);
    if (space)
        (void)span_skip(&text, SPAN(" "));
    return span_to_u32(text, &v) ? (int)v : -1;
}

static int month(struct span name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int m = 0; m < 12; m++)
        if (span_ieq(name, span_of(names + 3 * m, 3)))
            return m + 1;
    return -1;
}

static bool is_leap(int y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int days_in(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return m == 2 && is_leap(y) ? 29 : days[m - 1];
}

static int64_t days_before(int y, int m, int d)
{
    int64_t p = y - 1;
    int64_t days = 365 * (int64_t)(y - 1970) + (p / 4 - 492) - (p / 100 - 19) + (p / 400 - 4);
    for (int k = 1; k < m; k++)
        days += days_in(y, k);
    return days + d - 1;
}

/* 01234567890123456789012345
 * dd-Mon-yyyy hh:mm:ss +zzzz */
int imap_date_time_read(struct span s, int64_t *wall_ms_out)
{
    if (s.n != 26 || s.p[2] != '-' || s.p[6] != '-' || s.p[11] != ' ' || s.p[14] != ':' ||
        s.p[17] != ':' || s.p[20] != ' ' || (s.p[21] != '+' && s.p[21] != '-'))
        return ERR_INVALID;
    int d = number(s, 0, 2, true), m = month(span_slice(s, 3, 3)), y = number(s, 7, 4, false);
    int hour = number(s, 12, 2, false), minute = number(s, 15, 2, false);
    int second = number(s, 18, 2, false);
    int zone_hour = number(s, 22, 2, false), zone_minute = number(s, 24, 2, false);
    if (y < 1 || m < 1 || d < 1 || d > days_in(y, m))
        return ERR_INVALID;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return ERR_INVALID;
    if (zone_hour < 0 || zone_minute < 0 || zone_minute > 59)
        return ERR_INVALID;
    int64_t zone = (zone_hour * 60 + zone_minute) * 60 * (s.p[21] == '-' ? -1 : 1);
    int64_t seconds = days_before(y, m, d) * 86400 + hour * 3600 + minute * 60 + second - zone;
    *wall_ms_out = seconds * 1000;
    return 0;
}
