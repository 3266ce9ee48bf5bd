/* SPDX-License-Identifier: Apache-2.0 */
/* FLAGS and PERMANENTFLAGS: which flags and keywords there are in the selected mailbox, and which the user can change
 * (RFC 9051 §7.1, §7.3.5). A keyword is announced before a message has it. */
#include "imap/place.h"

enum { KEYWORDS_TOLD = 16 * 1024 }; /* bytes of their names in one list */

enum { KEYWORDS = FLAGS_ALL + 1 }; /* beside enum mail_flag */

static bool is_shown(const struct imap *i, size_t keyword)
{
    const uint8_t *shown = i->box->shown;
    return shown == NULL ||
           (keyword < LIMIT_KEYWORDS && (shown[keyword / 8] >> keyword % 8 & 1) != 0);
}

/* The system flags and the keywords, as far as they fit, but for some; `more`: others may be made. In a list. */
static void write_all_flags(struct imap *i, uint32_t without, bool more)
{
    struct buf *out = i->s.out;
    uint32_t flag;
    size_t bytes = 0;
    buf_putc(out, '(');
    const char *between = "";
    for (size_t n = 0; imap_flag_name(n, &flag) != NULL; n++) {
        if ((flag & without) != 0)
            continue;
        buf_printf(out, "%s%s", between, imap_flag_name(n, &flag));
        between = " ";
    }
    for (size_t n = 0; (without & KEYWORDS) == 0 && n < i->keywords_n; n++) {
        if (!is_shown(i, n))
            continue;
        bytes += i->keywords[n].n + 1;
        if (i->keywords[n].n == 0 || bytes >= KEYWORDS_TOLD)
            continue;
        buf_printf(out, "%s%.*s", between, SPAN_ARG(i->keywords[n]));
        between = " ";
    }
    if (more)
        buf_printf(out, "%s\\*", between);
    buf_putc(out, ')');
}

void imap_tell_flags(struct imap *i)
{
    buf_puts(i->s.out, "* FLAGS ");
    write_all_flags(i, 0, false);
    buf_puts(i->s.out, "\r\n");
    i->box->keywords_told = i->keywords_n;
}

/* So many keywords there may be when the user makes one. */
static size_t keywords_most(const struct imap *i)
{
    return imap_keyword_add(i, i->box->account) == KEYWORD_ADD ? LIMIT_KEYWORDS
                                                               : LIMIT_KEYWORDS / 2;
}

static bool writes_keywords(const struct imap *i)
{
    return !i->box->read_only && (i->box->rights & RIGHT_WRITE) != 0;
}

/* RFC 9051 §7.1, RFC 4314 §5.1.1: what the user can change for good. */
void imap_tell_permanent_flags(struct imap *i)
{
    bool writes = writes_keywords(i);
    uint32_t without = i->box->read_only ? FLAGS_ALL : imap_flags_denied(i->box->rights);
    buf_puts(i->s.out, "* OK [PERMANENTFLAGS ");
    i->box->keywords_full = i->keywords_n >= keywords_most(i);
    write_all_flags(i, without | (writes ? 0 : KEYWORDS), writes && !i->box->keywords_full);
    buf_puts(i->s.out, "] Flags that stay\r\n");
}

static bool became_full(const struct imap *i)
{
    return !i->box->keywords_full && writes_keywords(i) && i->keywords_n >= keywords_most(i);
}

void imap_tell_full(struct imap *i, const struct keyword_ids *ids)
{
    bool last = ids == NULL || (ids->n > 0 && ids->v[ids->n - 1] + 1U >= keywords_most(i));
    if (last && !i->box->keywords_full && imap_keywords(i) == 0 && became_full(i))
        imap_tell_permanent_flags(i);
}

/* Are there some the client was not told of? */
static bool has_new(struct imap *i, const struct keyword_ids *ids)
{
    bool some = false;
    if (i->box->shown == NULL)
        return ids->n > 0 && ids->v[ids->n - 1] >= i->box->keywords_told;
    for (uint32_t k = 0; k < ids->n; k++) {
        uint16_t id = ids->v[k];
        if (id >= LIMIT_KEYWORDS || is_shown(i, id))
            continue;
        i->box->shown[id / 8] |= (uint8_t)(1U << id % 8);
        some = true;
    }
    return some;
}

void imap_tell_keywords(struct imap *i, const struct mail_item *v, size_t n)
{
    bool some = false;
    for (size_t k = 0; k < n; k++)
        some = has_new(i, &v[k].keywords) || some;
    if (!some || imap_keywords(i) != 0)
        return;
    imap_tell_flags(i);
    if (became_full(i))
        imap_tell_permanent_flags(i);
}
