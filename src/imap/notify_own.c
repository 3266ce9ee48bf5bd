/* SPDX-License-Identifier: Apache-2.0 */
/* "The server SHOULD omit notifying the client if the event is caused by this client" (RFC 5465 §5). What a command has
 * done is kept until the account is looked at next. What is then as the command has left it is not told; what somebody
 * else has changed as well is, and so is all when there is too much to keep: rather a notification too many than one
 * too few. */
#include "imap/metadata.h"
#include "imap/notify.h"

enum {
    OWN_BYTES = 64 * 1024, /* of names */
    OWN_BOXES = 16,
    ITEMS = 500, /* read at once */
    ITEMS_ARENA = 1024 * 1024,
};

struct notify_own {
    struct buf names; /* entries, each a struct own_name and its name */
    size_t boxes_n;
    struct {
        account_id account;
        uint32_t id;
        struct numset uids;
    } boxes[OWN_BOXES];
};

struct own_name {
    uint64_t hash; /* of the value of an annotation */
    account_id account;
    uint32_t mailbox, n;
    uint8_t what;
};

void notify_own_forget(struct imap_notify *n)
{
    struct notify_own *own = n->own;
    if (own == NULL)
        return;
    buf_done(&own->names);
    for (size_t k = 0; k < own->boxes_n; k++)
        numset_done(&own->boxes[k].uids);
    free(own);
    n->own = NULL;
}

/* NULL: nobody wants to know, or memory has run out. */
static struct notify_own *own_of(struct imap *i)
{
    struct imap_notify *n = i->notify;
    if (n == NULL || n->program.groups_n == 0)
        return NULL;
    if (n->own == NULL) {
        n->own = calloc(1, sizeof *n->own);
        if (n->own != NULL)
            buf_init(&n->own->names, OWN_BYTES);
    }
    return n->own;
}

/* ---- what was done ------------------------------------------------------------------------- */

static void add(struct notify_own *own, struct own_name entry, struct span front, struct span name)
{
    if (own->names.n + sizeof entry + front.n + name.n > OWN_BYTES)
        return;
    entry.n = (uint32_t)(front.n + name.n);
    buf_put(&own->names, span_of((const char *)&entry, sizeof entry));
    buf_put(&own->names, front);
    buf_put(&own->names, name);
}

void imap_own_name(struct imap *i, enum imap_own what, struct span name)
{
    struct notify_own *own = own_of(i);
    struct span front = SPAN_EMPTY, rest = name;
    if (own == NULL)
        return;
    if (span_iskip(&rest, SPAN("INBOX")) && (rest.n == 0 || rest.p[0] == '/')) {
        front = SPAN("INBOX");
        name = rest;
    }
    add(own, (struct own_name){.what = (uint8_t)what}, front, name);
}

void imap_own_annotation(struct imap *i,
                         account_id account,
                         struct mailbox_id mailbox,
                         const struct mail_annotation *a)
{
    struct notify_own *own = own_of(i);
    struct own_name entry = {
        .account = account, .mailbox = mailbox.v, .hash = notify_hash(a->value)};
    entry.what = a->none ? IMAP_OWN_NO_NOTE : IMAP_OWN_NOTE;
    if (own != NULL)
        add(own, entry, a->user == 0 ? SPAN("s") : SPAN("p"), a->name);
}

void imap_own_messages(struct imap *i,
                       account_id account,
                       struct mailbox_id mailbox,
                       const struct numset *uids)
{
    struct notify_own *own = own_of(i);
    size_t k = 0;
    if (own == NULL)
        return;
    while (k < own->boxes_n && (own->boxes[k].id != mailbox.v || own->boxes[k].account != account))
        k++;
    if (k == OWN_BOXES)
        return;
    if (k == own->boxes_n) {
        own->boxes[k].account = account;
        own->boxes[k].id = mailbox.v;
        numset_init(&own->boxes[k].uids);
        own->boxes_n++;
    }
    numset_or(&own->boxes[k].uids, uids);
}

/* ---- is it that? ---------------------------------------------------------------------------- */

/* The last that was done of this kind. */
static bool
find(const struct notify_own *own, struct own_name *entry, struct span front, struct span name)
{
    struct span rest = own != NULL ? buf_span(&own->names) : SPAN_EMPTY;
    struct own_name at, found;
    bool any = false;
    while (rest.n > 0) {
        memcpy(&at, rest.p, sizeof at);
        struct span text = span_slice(rest, sizeof at, at.n);
        rest = span_from(rest, sizeof at + at.n);
        if (at.what / 2 != entry->what / 2 || at.mailbox != entry->mailbox ||
            at.account != entry->account || !span_skip(&text, front) || !span_eq(text, name))
            continue;
        found = at;
        any = true;
    }
    if (any)
        *entry = found;
    return any;
}

bool notify_own_has(const struct imap_notify *n, enum imap_own what, struct span name)
{
    struct own_name entry = {.what = (uint8_t)what};
    return find(n->own, &entry, SPAN_EMPTY, name) && entry.what == (uint8_t)what;
}

bool notify_own_note(const struct imap_notify *n, const struct notify_note *note, bool gone)
{
    struct own_name entry = {
        .what = IMAP_OWN_NOTE, .account = note->account, .mailbox = note->mailbox};
    if (!find(n->own, &entry, note->shared ? SPAN("s") : SPAN("p"), note->name))
        return false;
    return gone ? entry.what == IMAP_OWN_NO_NOTE
                : entry.what == IMAP_OWN_NOTE && entry.hash == note->hash;
}

/* Has nobody touched these since they came? */
static bool is_untouched(struct imap *i,
                         account_id account,
                         struct mailbox_id mailbox,
                         const struct numset *uids)
{
    struct mail_range range = {
        .mailbox = mailbox, .uids = uids, .from = numset_min(uids), .max = ITEMS};
    struct arena *a = arena_new(ITEMS_ARENA);
    uint64_t seen = 0;
    bool ok = a != NULL;
    while (ok && range.from != 0) {
        struct mail_item *v;
        size_t n = 0;
        ok = mailbox_items(i->server->mail, account, &range, a, &v, &n, &range.from) == 0;
        for (size_t k = 0; ok && k < n; k++)
            ok = v[k].modseq.v == v[k].created_modseq.v;
        seen += n;
        arena_reset(a);
    }
    arena_free(a);
    return ok && seen == numset_count(uids);
}

bool notify_own_is_all(struct imap *i, const struct notify_row *now, const struct notify_row *old)
{
    const struct notify_own *own = i->notify->own;
    struct mailbox_id mailbox = {now->id};
    struct numset changed, others, gone;
    struct mail_head head;
    bool complete = false;
    size_t k = 0;
    while (own != NULL && k < own->boxes_n &&
           (own->boxes[k].id != now->id || own->boxes[k].account != now->account))
        k++;
    if (own == NULL || k == own->boxes_n || now->uidvalidity != old->uidvalidity)
        return false;
    numset_init(&changed);
    numset_init(&others);
    numset_init(&gone);
    bool all = mailbox_changes(i->server->mail, now->account, mailbox, (struct modseq){old->modseq},
                               &head, &changed, &gone, &complete) == 0 &&
               complete && numset_is_empty(&gone) && numset_copy(&others, &changed) == 0;
    numset_andnot(&others, &own->boxes[k].uids);
    /* and none of the UIDs given since then is of a message that came and went */
    all = all && numset_is_empty(&others) && others.err == 0 &&
          numset_count(&changed) == now->uidnext - old->uidnext &&
          is_untouched(i, now->account, mailbox, &changed);
    numset_done(&changed);
    numset_done(&others);
    numset_done(&gone);
    return all;
}
