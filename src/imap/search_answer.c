/* SPDX-License-Identifier: Apache-2.0 */
/* What SEARCH and SORT answer: a SEARCH or SORT response of RFC 3501 and RFC 5256, or an ESEARCH response (RFC 4731, for SORT
 * RFC 5267 §3). Numbers are written as they are taken, so a million of them are no more than a step at a time. */
#include "imap/names.h"
#include "imap/search_task.h"

bool search_is_extended(const struct imap *i, const struct search_task *t)
{
    return t->request.extended || t->sources_n > 0 ||
           (t->sort == NULL && (i->enabled & IMAP_ON_REV2) != 0);
}

/* ---- what is returned -------------------------------------------------------------------- */

/* Everything that was found, whatever else. */
static bool returns_all(const struct search_request *r)
{
    return (r->returns & (RETURN_ALL | RETURN_COUNT)) != 0 ||
           (r->returns & ~(unsigned)(RETURN_SAVE | RETURN_UPDATE)) == 0;
}

uint64_t search_enough(const struct search_task *t, bool *newest_out)
{
    const struct search_request *r = &t->request;
    bool first = (r->returns & RETURN_MIN) != 0, last = (r->returns & RETURN_MAX) != 0;
    bool paged = (r->returns & RETURN_PARTIAL) != 0;
    *newest_out = last || (paged && r->page.from_end);
    if (returns_all(r) || (r->returns & RETURN_UPDATE) != 0 || (first && *newest_out) ||
        (last && paged && !r->page.from_end))
        return 0;
    return paged ? (uint64_t)r->page.first + r->page.count - 1 : 1;
}

/* The positions of a page among `n`, from 0; empty if it is beyond them. */
static void
page_of(const struct fetch_page *page, uint64_t n, uint64_t *begin_out, uint64_t *end_out)
{
    uint64_t begin = page->first - 1, end = begin + page->count;
    begin = begin < n ? begin : n;
    end = end < n ? end : n;
    *begin_out = page->from_end ? n - end : begin;
    *end_out = page->from_end ? n - begin : end;
}

static void choose_sorted(struct search_task *t)
{
    const struct search_request *r = &t->request;
    uint64_t begin = 0, end = t->sorted_end;
    size_t n = t->sorted_end;
    if ((r->returns & RETURN_PARTIAL) != 0)
        page_of(&r->page, n, &begin, &end);
    else if (r->extended && (r->returns & RETURN_ALL) == 0)
        begin = end;
    if (n > 0 && (r->returns & RETURN_MIN) != 0)
        numset_add(&t->returned, t->sorted[0].uid);
    if (n > 0 && (r->returns & RETURN_MAX) != 0)
        numset_add(&t->returned, t->sorted[n - 1].uid);
    t->sorted_at = (size_t)begin;
    t->sorted_end = (size_t)end;
    for (size_t k = t->sorted_at; k < t->sorted_end; k++)
        numset_add(&t->returned, t->sorted[k].uid);
}

static int choose_numbers(struct search_task *t)
{
    const struct search_request *r = &t->request;
    uint64_t begin = 0, end = numset_count(&t->found);
    uint32_t first, last;
    if (!r->extended || (r->returns & RETURN_ALL) != 0)
        return numset_copy(&t->numbers, &t->found);
    if ((r->returns & RETURN_PARTIAL) != 0) {
        page_of(&r->page, numset_count(&t->found), &begin, &end);
        if (begin < end && numset_at(&t->found, (uint32_t)begin + 1, &first) &&
            numset_at(&t->found, (uint32_t)end, &last)) {
            int err = numset_copy(&t->numbers, &t->found);
            if (err != 0)
                return err;
            if (first > 0)
                numset_remove_range(&t->numbers, 0, first - 1);
            if (last < UINT32_MAX)
                numset_remove_range(&t->numbers, last + 1, UINT32_MAX);
        }
    }
    numset_or(&t->returned, &t->numbers);
    if ((r->returns & RETURN_MIN) != 0 && !numset_is_empty(&t->found))
        numset_add(&t->returned, numset_min(&t->found));
    if ((r->returns & RETURN_MAX) != 0 && !numset_is_empty(&t->found))
        numset_add(&t->returned, numset_max(&t->found));
    return t->numbers.err;
}

int search_choose(struct search_task *t)
{
    int err = 0;
    if (t->sorted != NULL)
        choose_sorted(t);
    else
        err = choose_numbers(t);
    if (err == 0 && returns_all(&t->request))
        err = numset_copy(&t->returned, &t->found);
    return err != 0 ? err : t->returned.err;
}

void search_forget(struct search_task *t)
{
    numset_clear(&t->found);
    numset_clear(&t->returned);
    numset_clear(&t->numbers);
    t->modseq = 0;
    t->number = 0;
    t->run_first = 0;
    t->comma = false;
    t->head_written = false;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static uint32_t number_of(const struct search_task *t, uint32_t uid)
{
    return t->uid ? uid : numset_rank(&t->box->uids, uid);
}

static bool next_number(struct search_task *t, uint32_t *out)
{
    if (t->sorted != NULL) {
        if (t->sorted_at == t->sorted_end)
            return false;
        *out = number_of(t, t->sorted[t->sorted_at++].uid);
        return true;
    }
    bool there = t->number == 0 ? numset_first(&t->numbers, &t->number)
                                : numset_next(&t->numbers, &t->number);
    if (there)
        *out = number_of(t, t->number);
    return there;
}

static void write_run(struct imap *i, struct search_task *t)
{
    if (t->run_first == 0)
        return;
    buf_printf(i->s.out, "%s%u", t->comma ? "," : "", t->run_first);
    if (t->run_last > t->run_first)
        buf_printf(i->s.out, ":%u", t->run_last);
    t->comma = true;
    t->run_first = 0;
}

/* As a list or as a set, up to a step: 1 there are more, 0 that was all. */
static int write_numbers(struct imap *i, struct search_task *t, bool set)
{
    uint32_t n;
    while (i->s.out->n < IMAP_OUT_STEP) {
        if (!next_number(t, &n)) {
            write_run(i, t);
            return 0;
        }
        if (!set) {
            buf_printf(i->s.out, " %u", n);
        } else if (t->run_first != 0 && n == t->run_last + 1) {
            t->run_last = n;
        } else {
            write_run(i, t);
            t->run_first = t->run_last = n;
        }
    }
    return 1;
}

static bool has_numbers(const struct search_task *t)
{
    return t->sorted != NULL ? t->sorted_at < t->sorted_end : !numset_is_empty(&t->numbers);
}

/* ---- responses --------------------------------------------------------------------------- */

/* The first or the last, if there is one. */
static void write_edge(struct imap *i, const struct search_task *t, const char *name, bool last)
{
    size_t n = 0;
    uint32_t uid = last ? numset_max(&t->found) : numset_min(&t->found);
    if (t->sorted != NULL) {
        (void)mailbox_sort_result(t->sort, &n);
        uid = n == 0 ? 0 : t->sorted[last ? n - 1 : 0].uid;
    }
    if (uid != 0)
        buf_printf(i->s.out, " %s %u", name, number_of(t, uid));
}

static void write_correlator(struct imap *i, const struct search_task *t)
{
    buf_printf(i->s.out, "TAG \"%s\"", i->tag);
    if (t->sources_n == 0)
        return;
    buf_puts(i->s.out, " MAILBOX "); /* RFC 7377 §2.1 */
    imap_write_mailbox(i, t->sources[t->source - 1].name);
    buf_printf(i->s.out, " UIDVALIDITY %u", t->box->uidvalidity);
}

struct span search_correlator(struct imap *i, const struct search_task *t, struct arena *a)
{
    size_t before = i->s.out->n;
    write_correlator(i, t);
    struct span text = arena_dup(a, span_from(buf_span(i->s.out), before));
    buf_truncate(i->s.out, before);
    return text;
}

/* RFC 4731 §3.1, up to where the numbers begin. */
static void write_extended_head(struct imap *i, struct search_task *t)
{
    const struct search_request *r = &t->request;
    struct buf *out = i->s.out;
    buf_puts(out, "* ESEARCH (");
    write_correlator(i, t);
    buf_printf(out, ")%s", t->uid ? " UID" : "");
    if ((r->returns & RETURN_MIN) != 0)
        write_edge(i, t, "MIN", false);
    if ((r->returns & RETURN_MAX) != 0)
        write_edge(i, t, "MAX", true);
    if ((r->returns & RETURN_COUNT) != 0)
        buf_printf(out, " COUNT %llu", (unsigned long long)numset_count(&t->found));
    if (r->modseq && !numset_is_empty(&t->returned))
        buf_printf(out, " MODSEQ %llu", (unsigned long long)t->modseq);
    if ((r->returns & RETURN_PARTIAL) != 0)
        buf_printf(out, " PARTIAL (%.*s %s", SPAN_ARG(r->page_text), has_numbers(t) ? "" : "NIL");
    else if (has_numbers(t))
        buf_puts(out, " ALL ");
}

static void write_tail(struct imap *i, const struct search_task *t, bool extended)
{
    if (extended && (t->request.returns & RETURN_PARTIAL) != 0)
        buf_putc(i->s.out, ')');
    if (!extended && t->request.modseq && !numset_is_empty(&t->returned))
        buf_printf(i->s.out, " (MODSEQ %llu)", (unsigned long long)t->modseq);
    buf_puts(i->s.out, "\r\n");
}

int search_write(struct imap *i, struct search_task *t)
{
    bool extended = search_is_extended(i, t);
    /* RFC 5182 §2.1: nothing else was asked for */
    if ((t->request.returns & ~(unsigned)RETURN_UPDATE) == RETURN_SAVE)
        return 0;
    if (t->sources_n > 0 && numset_is_empty(&t->found)) /* RFC 7377 §2.1 */
        return 0;
    if (!t->head_written) {
        t->head_written = true;
        t->number = 0;
        if (extended)
            write_extended_head(i, t);
        else
            buf_printf(i->s.out, "* %s", t->kind->name);
    }
    int more = write_numbers(i, t, extended);
    if (more == 0)
        write_tail(i, t, extended);
    return more;
}
