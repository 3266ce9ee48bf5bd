/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are gathered into chunks of records, which become one array when all are there; that is sorted in slices. */
#include "mailbox/sort.h"

#include "base/err.h"
#include "mailbox/gather.h"
#include "mailbox/merge.h"
#include "message/subject.h"
#include "message/words.h"

enum { CHUNK = 512 };

struct sort_chunk {
    struct sort_chunk *next;
    size_t n;
    struct sort_record v[CHUNK];
};

struct mailbox_sort {
    struct gather gather;
    struct sort_criterion criteria[LIMIT_SORT_KEYS];
    size_t criteria_n;
    struct sort_chunk *first, *last;
    size_t n;
    struct sort_order order;
    struct merge merge;                   /* when all are there: */
    struct sort_record *gathered, *spare; /* its arrays */
    const struct sort_record *records;    /* in order, when done */
};

/* ---- comparing --------------------------------------------------------------------------- */

static bool is_number(enum sort_by by)
{
    return by == SORT_ARRIVAL || by == SORT_DATE || by == SORT_SIZE;
}

int sort_compare(const void *a, const void *b, void *order)
{
    const struct sort_record *x = a, *y = b;
    const struct sort_order *o = order;
    for (size_t i = 0; i < o->n; i++) {
        int d = is_number(o->criteria[i].by)
                    ? (x->v[i].number > y->v[i].number) - (x->v[i].number < y->v[i].number)
                    : span_cmp(x->v[i].text, y->v[i].text);
        if (d != 0)
            return o->criteria[i].reverse ? -d : d;
    }
    return (x->uid > y->uid) - (x->uid < y->uid);
}

/* ---- keys -------------------------------------------------------------------------------- */

/* Text of the header, with encoded-words, to a key. */
static int key_of_text(struct gather *g, struct span text, struct span *out)
{
    buf_clear(&g->text);
    int err = words_decode(text, &g->text);
    return err != 0 ? err : gather_key(g, buf_span(&g->text), out);
}

static int key_of_subject(struct gather *g, struct span subject, struct span *out)
{
    buf_clear(&g->text);
    int err = subject_base(subject, &g->text, NULL);
    return err != 0 ? err : gather_key(g, buf_span(&g->text), out);
}

/* addr-mailbox of the first address; of a group it is the group's name (RFC 9051 §7.5.2). */
static int key_of_mailbox(struct gather *g, const struct mail_address *m, struct span *out)
{
    *out = SPAN_EMPTY;
    if (m == NULL)
        return 0;
    return key_of_text(g, m->kind == ADDRESS_MAILBOX ? m->local : m->name, out);
}

/* RFC 5957 §3 */
static int key_of_display(struct gather *g, const struct mail_address *m, struct span *out)
{
    *out = SPAN_EMPTY;
    if (m == NULL || m->kind != ADDRESS_MAILBOX)
        return key_of_mailbox(g, m, out);
    int err = m->name.n > 0 ? key_of_text(g, m->name, out) : 0;
    if (err != 0 || out->n > 0 || m->local.p == NULL)
        return err;
    buf_clear(&g->key);
    buf_put(&g->key, m->local);
    if (m->domain.p != NULL) {
        buf_putc(&g->key, '@');
        buf_put(&g->key, m->domain);
    }
    return g->key.err != 0 ? g->key.err : key_of_text(g, buf_span(&g->key), out);
}

static int make_key(struct gather *g,
                    enum sort_by by,
                    const struct mail_item *item,
                    const struct message_summary *s,
                    union sort_value *out)
{
    const struct message_envelope *e = s->envelope;
    switch (by) {
    case SORT_ARRIVAL: out->number = item->received_ms; return 0;
    case SORT_DATE: out->number = s->sent ? s->sent_ms : item->received_ms; return 0;
    case SORT_SIZE: out->number = (int64_t)item->size; return 0;
    case SORT_CC: return key_of_mailbox(g, e->cc, &out->text);
    case SORT_FROM: return key_of_mailbox(g, e->from, &out->text);
    case SORT_TO: return key_of_mailbox(g, e->to, &out->text);
    case SORT_DISPLAYFROM: return key_of_display(g, e->from, &out->text);
    case SORT_DISPLAYTO: return key_of_display(g, e->to, &out->text);
    case SORT_SUBJECT: return key_of_subject(g, e->subject, &out->text);
    }
    return 0;
}

/* ---- the course of it -------------------------------------------------------------------- */

static struct sort_record *record_add(struct mailbox_sort *s)
{
    if (s->last == NULL || s->last->n == CHUNK) {
        struct sort_chunk *c = arena_alloc(s->gather.keep, sizeof(*c));
        if (c == NULL)
            return NULL;
        *(s->last == NULL ? &s->first : &s->last->next) = c;
        s->last = c;
    }
    s->n++;
    return &s->last->v[s->last->n++];
}

static int take(void *arg, const struct mail_item *item, const struct message_summary *summary)
{
    struct mailbox_sort *s = arg;
    struct sort_record *r = record_add(s);
    if (r == NULL)
        return 0; /* gather_run says which limit it was */
    r->uid = item->uid.v;
    r->v = arena_array(s->gather.keep, s->criteria_n, sizeof(*r->v));
    int err = 0;
    for (size_t i = 0; r->v != NULL && err == 0 && i < s->criteria_n; i++)
        err = make_key(&s->gather, s->criteria[i].by, item, summary, &r->v[i]);
    return err;
}

static int begin(struct mailbox_sort *s)
{
    size_t at = 0;
    int err = gather_charge(&s->gather, 2 * s->n * sizeof(*s->gathered));
    if (err != 0)
        return err;
    s->gathered = calloc(s->n + 1, sizeof(*s->gathered));
    s->spare = calloc(s->n + 1, sizeof(*s->spare));
    if (s->gathered == NULL || s->spare == NULL)
        return ERR_NOMEM;
    for (const struct sort_chunk *c = s->first; c != NULL; c = c->next)
        for (size_t i = 0; i < c->n; i++)
            s->gathered[at++] = c->v[i];
    s->order = (struct sort_order){s->criteria, s->criteria_n};
    merge_begin(&s->merge, s->gathered, s->spare, s->n, sizeof(*s->gathered), sort_compare,
                &s->order);
    return 1;
}

int mailbox_sort_open(struct mail *m,
                      account_id id,
                      struct mailbox_id mailbox,
                      const struct numset *uids,
                      const struct sort_criterion *criteria,
                      size_t criteria_n,
                      struct mailbox_sort **out)
{
    if (criteria_n > LIMIT_SORT_KEYS)
        return ERR_LIMIT;
    struct mailbox_sort *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NOMEM;
    bool envelopes = false;
    for (size_t i = 0; i < criteria_n; i++) {
        s->criteria[i] = criteria[i];
        envelopes = envelopes || (criteria[i].by != SORT_ARRIVAL && criteria[i].by != SORT_SIZE);
    }
    s->criteria_n = criteria_n;
    int err = gather_init(&s->gather, m, id, mailbox, uids, envelopes);
    if (err != 0) {
        mailbox_sort_close(s);
        return err;
    }
    *out = s;
    return 0;
}

int mailbox_sort_run(struct mailbox_sort *s, int (*stop)(void *arg), void *arg)
{
    if (s->records != NULL)
        return 0;
    if (s->gathered == NULL) {
        int r = gather_run(&s->gather, take, s, stop, arg);
        return r == 0 ? begin(s) : r;
    }
    int err = stop != NULL ? stop(arg) : 0;
    if (err != 0)
        return err;
    if (merge_more(&s->merge))
        return 1;
    s->records = merge_result(&s->merge);
    return 0;
}

const struct sort_record *mailbox_sort_result(const struct mailbox_sort *s, size_t *n_out)
{
    *n_out = s->n;
    return s->records;
}

void mailbox_sort_close(struct mailbox_sort *s)
{
    if (s == NULL)
        return;
    gather_done(&s->gather);
    free(s->gathered);
    free(s->spare);
    free(s);
}
