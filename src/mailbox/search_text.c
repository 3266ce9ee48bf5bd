/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says to the leaves of a program, level by level. */
#include "mailbox/search_impl.h"

#include "base/err.h"
#include "message/match.h"
#include "message/message.h"

enum {
    BODY_PIECE = 64 * 1024,
    WORK_BODY = 512, /* bytes decoded and compared in a microsecond */
};

struct reading {
    struct mailbox_search *s;
    const struct mail_item *item;
    struct message_summary summary;
    struct match_needle *needles;
    struct search_leaf **of_needle;
    size_t needles_n;
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
    struct header_walk w = header_walk_of(buf_span(&r->s->header));
    struct header_field f;
    bool yes = false;
    while (!yes && header_next(&w, &f))
        yes = span_ieq(f.name, leaf->key->name) && text_matches(r, leaf->key, f.value);
    leaf->value = value_of(yes);
}

int search_read_header(struct mailbox_search *s, const struct mail_item *item)
{
    struct reading r = {.s = s, .item = item};
    int err = mailbox_header(s->mail, s->account, item->message, &s->header);
    if (err == 0)
        search_open_leaves(s, s->program, LEVEL_HEADER, header_leaf, &r);
    else if (is_its_own(err))
        search_open_leaves(s, s->program, LEVEL_HEADER, say_no, NULL);
    else
        r.err = err;
    return r.err;
}

/* ---- whole messages ---------------------------------------------------------------------- */

static void body_leaf(void *arg, struct search_leaf *leaf)
{
    struct reading *r = arg;
    r->of_needle[r->needles_n] = leaf;
    r->needles[r->needles_n++] =
        (struct match_needle){.key = leaf->key->key, .headers = leaf->key->op == SEARCH_TEXT};
}

static int body_feed(struct mailbox_search *s, struct match *match, struct blob_reader *reader)
{
    int err = 0;
    struct buf piece;
    buf_init(&piece, BODY_PIECE);
    for (uint64_t at = 0; err == 0 && !match_is_done(match); at += piece.n) {
        buf_clear(&piece);
        if (s->stop != NULL)
            err = s->stop(s->stop_arg);
        if (err == 0)
            err = store_blob_read(reader, at, BODY_PIECE, &piece);
        if (err != 0 || piece.n == 0)
            break;
        match_feed(match, buf_span(&piece));
        s->work -= (int64_t)piece.n / WORK_BODY;
    }
    buf_done(&piece);
    return err;
}

static int body_scan(struct reading *r)
{
    struct mailbox_search *s = r->s;
    struct blob_reader *reader;
    struct blob_info info;
    struct match *match = match_new(s->one, r->needles, r->needles_n);
    if (match == NULL)
        return ERR_NOMEM;
    int err = mailbox_message_open(s->mail, s->account, r->item->message, &reader, &info);
    if (err == 0) {
        err = body_feed(s, match, reader);
        store_blob_close(reader);
    }
    if (err != 0)
        match_free(match);
    else
        err = match_end(match);
    return err;
}

int search_read_body(struct mailbox_search *s, const struct mail_item *item)
{
    struct reading r = {.s = s, .item = item};
    r.needles = arena_array(s->one, s->leaves_n, sizeof(*r.needles));
    r.of_needle = arena_array(s->one, s->leaves_n, sizeof(*r.of_needle));
    if (r.needles == NULL || r.of_needle == NULL) {
        arena_reset(s->one);
        return ERR_NOMEM;
    }
    search_open_leaves(s, s->program, LEVEL_BODY, body_leaf, &r);
    int err = r.needles_n > 0 ? body_scan(&r) : 0;
    if (err == 0 || is_its_own(err)) {
        for (size_t i = 0; i < r.needles_n; i++)
            r.of_needle[i]->value = value_of(r.needles[i].found);
        err = 0;
    }
    arena_reset(s->one);
    return err;
}
