/* SPDX-License-Identifier: Apache-2.0 */
/* Dates (RFC 5322 §3.3, obsolete forms §4.3) and message ids (§3.6.4).
 *
 * Our own calendar arithmetic instead of timegm and strptime: those follow the locale, and differ
 * in what they accept.
 */
#include "base/err.h"
#include "message/cfws.h"
#include "message/message.h"

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

enum { YEAR_MIN = 1900, YEAR_MAX = 9999 };

/* Days since 1970-01-01 of a day in the Gregorian calendar, month 1..12. A year is counted from
 * March on, so that the leap day is its last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

void date_print(struct buf *out, int64_t wall_ms)
{
    int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    int64_t rest = seconds - days * 86400, year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    int64_t weekday = (days % 7 + 11) % 7; /* 1970-01-01 was a Thursday */
    buf_printf(out, "%s, %02d %s %04lld %02d:%02d:%02d +0000", day_names[weekday], day,
               month_names[month - 1], (long long)year, (int)(rest / 3600), (int)(rest / 60 % 60),
               (int)(rest % 60));
}

static struct span take_alpha(struct span *s)
{
    skip_cfws(s);
    size_t n = 0;
    while (n < s->n && ascii_is_alpha(s->p[n]))
        n++;
    struct span word = span_slice(*s, 0, n);
    *s = span_from(*s, n);
    return word;
}

/* Between `least` and `most` digits. */
static bool take_number(struct span *s, size_t least, size_t most, int *out, size_t *digits_out)
{
    skip_cfws(s);
    size_t n = 0;
    int v = 0;
    while (n < s->n && n < most && ascii_is_digit(s->p[n]))
        v = v * 10 + (s->p[n++] - '0');
    if (n < least || (n < s->n && ascii_is_digit(s->p[n])))
        return false;
    *s = span_from(*s, n);
    *out = v;
    if (digits_out != NULL)
        *digits_out = n;
    return true;
}

static bool take_char(struct span *s, char c)
{
    skip_cfws(s);
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = span_from(*s, 1);
    return true;
}

static bool take_month(struct span *s, int *out)
{
    struct span word = take_alpha(s);
    for (int i = 0; i < 12; i++) {
        /* "September" is not the grammar's, but met */
        if (word.n >= 3 && span_ieq(span_slice(word, 0, 3), span_of(month_names[i], 3))) {
            *out = i + 1;
            return true;
        }
    }
    return false;
}

/* year = 4*DIGIT; obs-year: 2 digits are 1950 to 2049, 3 count from 1900 (§4.3). */
static bool take_year(struct span *s, int *out)
{
    size_t digits = 0;
    if (!take_number(s, 2, 4, out, &digits))
        return false;
    if (digits == 2)
        *out += *out < 50 ? 2000 : 1900;
    else if (digits == 3)
        *out += 1900;
    return *out >= YEAR_MIN && *out <= YEAR_MAX;
}

/* Minutes east of UTC. "-600" and "+2", which some programs wrote, mean hours: so other programs take them. Names other than the grammar's mean "unknown", which is UTC (§4.3); so does
 * no zone at all. */
static bool take_zone(struct span *s, int *out)
{
    static const struct {
        const char *name;
        int minutes;
    } zones[] = {{"EST", -300}, {"EDT", -240}, {"CST", -360}, {"CDT", -300},
                 {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420}};
    *out = 0;
    bool west = take_char(s, '-');
    if (west || take_char(s, '+')) {
        int v;
        size_t digits;
        if (!take_number(s, 1, 4, &v, &digits))
            return false;
        if (digits <= 2)
            v *= 100;
        if (v % 100 > 59)
            return false;
        *out = (v / 100 * 60 + v % 100) * (west ? -1 : 1);
        return true;
    }
    struct span name = take_alpha(s);
    for (size_t i = 0; i < COUNT_OF(zones); i++)
        if (span_ieq(name, span_str(zones[i].name)))
            *out = zones[i].minutes;
    return true;
}

static bool day_exists(int year, int month, int day)
{
    int64_t y;
    int m, d;
    civil_from_days(days_from_civil(year, month, day), &y, &m, &d);
    return day >= 1 && y == year && m == month && d == day;
}

int date_parse_zone(struct span text, int64_t *wall_ms_out, int *east_min_out)
{
    int day, month, year, hour, minute, second = 0, zone;
    if (take_alpha(&text).n > 0) /* the day of the week: what it says is not believed */
        (void)take_char(&text, ',');
    if (!take_number(&text, 1, 2, &day, NULL))
        return ERR_INVALID;
    (void)take_char(&text, '-'); /* 22-Nov-2026 is common outside the grammar */
    if (!take_month(&text, &month))
        return ERR_INVALID;
    (void)take_char(&text, '-');
    if (!take_year(&text, &year) || !take_number(&text, 1, 2, &hour, NULL) ||
        !take_char(&text, ':') || !take_number(&text, 2, 2, &minute, NULL))
        return ERR_INVALID;
    if (take_char(&text, ':') && !take_number(&text, 2, 2, &second, NULL))
        return ERR_INVALID;
    if (!take_zone(&text, &zone))
        return ERR_INVALID;
    skip_cfws(&text);
    if (text.n > 0 || !day_exists(year, month, day) || hour > 23 || minute > 59 || second > 60)
        return ERR_INVALID;
    int64_t seconds =
        days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *wall_ms_out = (seconds - (int64_t)zone * 60) * 1000;
    *east_min_out = zone;
    return 0;
}

int date_parse(struct span text, int64_t *wall_ms_out)
{
    int east_min;
    return date_parse_zone(text, wall_ms_out, &east_min);
}

void message_id_print(struct buf *out, int64_t wall_ms, struct rng *rng, struct span host)
{
    buf_printf(out, "<%llx.%016llx@", (long long)wall_ms, (unsigned long long)rng_u64(rng));
    buf_put(out, host);
    buf_putc(out, '>');
}
