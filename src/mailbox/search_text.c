/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says to the leaves of a program, level by level. */
#include "mailbox/search_impl.h"

#include "base/err.h"
#include "message/match.h"
#include "message/message.h"

enum {
    BODY_PIECE = 64 * 1024,
    WORK_BODY = 512, /* bytes decoded and compared in a microsecond */
    WORK_TEXT = 64,  /* of fields */
    NEEDLES = 10,    /* that cost what decoding does */
};

struct reading {
    struct mailbox_search *s;
    const struct mail_item *item;
    struct message_summary summary;
    struct search_leaf **open; /* leaves of header sections */
    size_t open_n;
    int err;
};

static enum search_value value_of(bool yes)
{
    return yes ? VALUE_YES : VALUE_NO;
}

static bool is_between(const struct search_key *key, int64_t ms)
{
    return key->from_ms <= ms && ms < key->before_ms;
}

/* One message's trouble, and not the search's. */
static bool is_its_own(int err)
{
    return err == ERR_NOT_FOUND || err == ERR_CORRUPT || err == ERR_TOO_BIG;
}

static void say_no(void *arg, struct search_leaf *leaf)
{
    (void)arg;
    leaf->value = VALUE_NO;
}

/* ---- sets and entries -------------------------------------------------------------------- */

void search_read_sets(struct mailbox_search *s, struct mail_uid uid)
{
    for (size_t i = 0; i < s->leaves_n; i++) {
        struct search_leaf *leaf = &s->leaves[i];
        leaf->value = VALUE_UNKNOWN;
        if (leaf->level == LEVEL_SET)
            leaf->value = value_of(numset_has(&leaf->set, uid.v));
    }
}

static bool entry_matches(const struct search_key *key, const struct mail_item *item)
{
    switch (key->op) {
    case SEARCH_LARGER: return item->size > key->number;
    case SEARCH_SMALLER: return item->size < key->number;
    case SEARCH_RECEIVED: return is_between(key, item->received_ms);
    case SEARCH_SAVED: return item->saved_ms != 0 && is_between(key, item->saved_ms);
    default: return item->message.v == key->number;
    }
}

void search_read_entry(struct mailbox_search *s, const struct mail_item *item)
{
    for (size_t i = 0; i < s->leaves_n; i++)
        if (s->leaves[i].level == LEVEL_ENTRY)
            s->leaves[i].value = value_of(entry_matches(s->leaves[i].key, item));
}

/* ---- envelopes --------------------------------------------------------------------------- */

static bool text_matches(struct reading *r, const struct search_key *key, struct span text)
{
    bool found = false;
    if (key->key.n == 0)
        return true;
    r->s->work -= (int64_t)(text.n / WORK_TEXT);
    int err = match_field(text, key->key, &r->s->scratch, &found);
    if (err != 0 && r->err == 0)
        r->err = err;
    return found;
}

static bool
address_matches(struct reading *r, const struct search_key *key, const struct mail_address *m)
{
    struct buf *text = &r->s->text;
    for (; m != NULL; m = m->next) {
        if (m->kind == ADDRESS_GROUP_END)
            continue;
        buf_clear(text);
        buf_put(text, m->name);
        if (m->kind == ADDRESS_MAILBOX) {
            if (text->n > 0)
                buf_putc(text, ' ');
            buf_putc(text, '<');
            address_write(m, text);
            buf_putc(text, '>');
        }
        if (text_matches(r, key, buf_span(text)))
            return true;
    }
    return false;
}

static void envelope_leaf(void *arg, struct search_leaf *leaf)
{
    struct reading *r = arg;
    const struct message_envelope *e = r->summary.envelope;
    const struct search_key *key = leaf->key;
    const struct span *text =
        key->op == SEARCH_HEADER ? search_envelope_text(e, key->name) : &e->subject;
    bool yes = false;
    switch (key->op) {
    case SEARCH_SENT: yes = r->summary.sent && is_between(key, r->summary.sent_local_ms); break;
    case SEARCH_FROM: yes = address_matches(r, key, e->from); break;
    case SEARCH_TO: yes = address_matches(r, key, e->to); break;
    case SEARCH_CC: yes = address_matches(r, key, e->cc); break;
    case SEARCH_BCC: yes = address_matches(r, key, e->bcc); break;
    default: yes = text != NULL && text->p != NULL && text_matches(r, key, *text);
    }
    leaf->value = value_of(yes);
}

int search_read_envelope(struct mailbox_search *s, const struct mail_item *item)
{
    struct reading r = {.s = s, .item = item};
    int err = mailbox_envelope(s->mail, s->account, item, s->one, &s->header, &r.summary);
    if (err == 0)
        search_open_leaves(s, s->program, LEVEL_ENVELOPE, envelope_leaf, &r);
    else if (is_its_own(err))
        search_open_leaves(s, s->program, LEVEL_ENVELOPE, say_no, NULL);
    else
        r.err = err;
    arena_reset(s->one);
    return r.err;
}

/* ---- header sections --------------------------------------------------------------------- */

static void header_leaf(void *arg, struct search_leaf *leaf)
{
    struct reading *r = arg;
    r->open[r->open_n++] = leaf;
}

/* A field is decoded once, however many leaves ask for it. */
static void look_at_field(struct reading *r, const struct header_field *f)
{
    bool decoded = false;
    for (size_t i = 0; i < r->open_n; i++) {
        struct search_leaf *leaf = r->open[i];
        if (leaf->value == VALUE_YES || !span_ieq(f->name, leaf->key->name))
            continue;
        bool yes = decoded ? span_find(buf_span(&r->s->scratch), leaf->key->key) >= 0
                           : text_matches(r, leaf->key, f->value);
        decoded = decoded || leaf->key->key.n > 0;
        leaf->value = value_of(yes);
    }
}

static void header_scan(struct reading *r)
{
    struct header_walk w = header_walk_of(buf_span(&r->s->header));
    struct header_field f;
    search_open_leaves(r->s, r->s->program, LEVEL_HEADER, header_leaf, r);
    while (header_next(&w, &f))
        look_at_field(r, &f);
    for (size_t i = 0; i < r->open_n; i++)
        if (r->open[i]->value != VALUE_YES)
            r->open[i]->value = VALUE_NO;
    r->s->work -= (int64_t)(r->s->header.n * (NEEDLES + r->open_n) / NEEDLES / WORK_BODY);
}

int search_read_header(struct mailbox_search *s, const struct mail_item *item)
{
    struct reading r = {.s = s, .item = item};
    r.open = arena_array(s->one, s->leaves_n, sizeof(struct search_leaf *));
    int err =
        r.open == NULL ? ERR_NOMEM : mailbox_header(s->mail, s->account, item->message, &s->header);
    if (err == 0)
        header_scan(&r);
    else if (is_its_own(err))
        search_open_leaves(s, s->program, LEVEL_HEADER, say_no, NULL);
    else
        r.err = err;
    arena_reset(s->one);
    return r.err;
}

/* ---- whole messages ---------------------------------------------------------------------- */

static void body_leaf(void *arg, struct search_leaf *leaf)
{
    struct search_scan *scan = arg;
    scan->of_needle[scan->needles_n] = leaf;
    scan->needles[scan->needles_n++] =
        (struct match_needle){.key = leaf->key->key, .headers = leaf->key->op == SEARCH_TEXT};
}

void search_body_done(struct mailbox_search *s)
{
    match_free(s->scan.match);
    if (s->scan.reader != NULL)
        store_blob_close(s->scan.reader);
    s->scan = (struct search_scan){.match = NULL};
}

/* Up to the end of the slice: 1 there is more, 0 that was all. */
static int body_feed(struct mailbox_search *s)
{
    struct search_scan *scan = &s->scan;
    struct buf piece;
    int err = 0;
    bool more = true;
    buf_init(&piece, BODY_PIECE);
    while (err == 0 && more && s->work > 0) {
        buf_clear(&piece);
        if (s->stop != NULL)
            err = s->stop(s->stop_arg);
        if (err == 0)
            err = store_blob_read(scan->reader, scan->at, BODY_PIECE, &piece);
        if (err != 0)
            break;
        match_feed(scan->match, buf_span(&piece));
        scan->at += piece.n;
        s->work -= (int64_t)(piece.n * (NEEDLES + scan->needles_n) / NEEDLES / WORK_BODY);
        more = piece.n > 0 && !match_is_done(scan->match);
    }
    buf_done(&piece);
    return err != 0 ? err : more;
}

static void body_values(struct search_scan *scan)
{
    for (size_t i = 0; i < scan->needles_n; i++)
        scan->of_needle[i]->value = value_of(scan->needles[i].found);
}

int search_body_more(struct mailbox_search *s)
{
    struct search_scan *scan = &s->scan;
    int err = body_feed(s);
    if (err > 0)
        return 1;
    if (err == 0) {
        err = match_end(scan->match);
        scan->match = NULL;
    }
    if (err == 0 || is_its_own(err)) {
        body_values(scan);
        err = 0;
    }
    search_body_done(s);
    arena_reset(s->one);
    return err;
}

int search_read_body(struct mailbox_search *s, const struct mail_item *item)
{
    struct search_scan *scan = &s->scan;
    struct blob_info info;
    scan->uid = item->uid;
    scan->needles = arena_array(s->one, s->leaves_n, sizeof(*scan->needles));
    scan->of_needle = arena_array(s->one, s->leaves_n, sizeof(*scan->of_needle));
    int err = scan->needles == NULL || scan->of_needle == NULL ? ERR_NOMEM : 0;
    if (err == 0) {
        search_open_leaves(s, s->program, LEVEL_BODY, body_leaf, scan);
        if (scan->needles_n == 0) {
            arena_reset(s->one);
            return 0;
        }
        scan->match = match_new(s->one, scan->needles, scan->needles_n);
        err = scan->match == NULL ? ERR_NOMEM : 0;
    }
    if (err == 0)
        err = mailbox_message_open(s->mail, s->account, item->message, &scan->reader, &info);
    if (err == 0)
        return search_body_more(s);
    scan->reader = NULL;
    if (is_its_own(err)) {
        body_values(scan);
        err = 0;
    }
    search_body_done(s);
    arena_reset(s->one);
    return err;
}
