/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox_check: everything that can be derived is derived again and compared. Works on one
 * snapshot, so mail that comes meanwhile is no problem. This file: the account, mailboxes, names
 * and entries; check_rest.c: the tables around them. */
#include "mailbox/check.h"

#include "base/err.h"
#include "base/limits.h"

#include <inttypes.h>

enum { CHECK_ARENA = 8 * 1024 * 1024, CHECK_SENTENCE = 1024 };

void check_problem(struct check *c, const char *fmt, ...)
{
    va_list args;
    c->problems++;
    buf_clear(&c->sentence);
    va_start(args, fmt);
    buf_vprintf(&c->sentence, fmt, args);
    va_end(args);
    if (c->report != NULL)
        c->report(c->arg, buf_span(&c->sentence));
}

bool check_is_row_error(int err)
{
    return err == ERR_NOT_FOUND || err == ERR_CORRUPT;
}

int check_get(struct check *c, const struct mail_key *key, struct span *out)
{
    return store_snap_get(c->look.snap, mail_key_span(key), c->arena, out);
}

int check_table(struct check *c,
                enum mail_table table,
                const char *name,
                int (*row)(struct check *c, void *arg, struct span key, struct span value),
                void *arg)
{
    struct mail_key prefix = mail_key_table(table);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    int err = store_snap_scan(c->look.snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
        err = c->stop != NULL ? c->stop(c->arg) : 0;
        if (err == 0)
            err = row(c, arg, key, value);
        arena_reset(c->arena);
        if (err < 0)
            break;
    }
    store_iter_close(it);
    if (damaged > 0)
        check_problem(c, "%zu rows of the table of %s cannot be read", damaged, name);
    return err == ERR_CORRUPT ? 0 : err; /* counted above */
}

/* ---- entries ----------------------------------------------------------------------------- */

struct check_box {
    struct mailbox_id id;
    struct mailbox_record record;
    bool known; /* has a readable record */
    uint64_t messages, unseen, bytes;
};

struct check_boxes {
    struct check_box *v;
    size_t n, cap;
    uint64_t *uidls; /* of all entries */
    size_t uidls_n, uidls_cap;
    uint64_t bytes, messages;
};

static struct check_box *box_find(struct check_boxes *b, struct mailbox_id id)
{
    size_t low = 0, high = b->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (b->v[mid].id.v < id.v)
            low = mid + 1;
        else
            high = mid;
    }
    return low < b->n && b->v[low].id.v == id.v ? &b->v[low] : NULL;
}

static int boxes_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct check_boxes *b = arg;
    struct check_box box = {.known = true};
    struct buf name_key;
    struct span found;
    uint64_t id = 0;
    if (mail_key_read_mailbox(key, &box.id) != 0) {
        check_problem(c, "a mailbox has a damaged key");
        return 0;
    }
    if (mailbox_record_unpack(value, &box.record) != 0) {
        check_problem(c, "mailbox %" PRIu32 ": its record is damaged", box.id.v);
        box.known = false;
    }
    if (box.known) {
        buf_init(&name_key, LIMIT_STORE_KEY);
        mail_key_name(&name_key, box.record.name);
        int err = store_snap_get(c->look.snap, buf_span(&name_key), c->arena, &found);
        if (err == 0)
            err = reference_record_unpack(found, &id);
        buf_done(&name_key);
        if (err != 0 && !check_is_row_error(err))
            return err;
        if (err != 0 || id != box.id.v)
            check_problem(c, "mailbox %" PRIu32 ": its name does not lead to it", box.id.v);
        if (box.id.v >= c->look.account.next_mailbox)
            check_problem(c, "mailbox %" PRIu32 ": its id was never given", box.id.v);
        if (box.record.highest_modseq > c->look.account.modseq)
            check_problem(c, "mailbox %" PRIu32 ": its mod-sequence is beyond the account's",
                          box.id.v);
        box.record.name = SPAN_EMPTY; /* not valid beyond this row */
    }
    if (b->n == b->cap) {
        size_t more = b->cap == 0 ? 16 : 2 * b->cap;
        struct check_box *grown = reallocarray(b->v, more, sizeof(*grown));
        if (grown == NULL)
            return ERR_NOMEM;
        b->v = grown;
        b->cap = more;
    }
    b->v[b->n++] = box;
    return 0;
}

static int names_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct buf name;
    uint64_t id;
    buf_init(&name, LIMIT_STORE_KEY);
    bool sound = mail_key_read_name(key, TABLE_NAME, &name) == 0 &&
                 reference_record_unpack(value, &id) == 0 && id <= UINT32_MAX;
    buf_done(&name);
    if (!sound)
        check_problem(c, "a row of the index of names is damaged");
    else if (box_find(arg, (struct mailbox_id){(uint32_t)id}) == NULL)
        check_problem(c, "a name leads to mailbox %" PRIu64 ", which does not exist", id);
    return 0;
}

static int uidls_add(struct check_boxes *b, uint64_t uidl)
{
    if (b->uidls_n == b->uidls_cap) {
        size_t more = b->uidls_cap == 0 ? 256 : 2 * b->uidls_cap;
        uint64_t *grown = reallocarray(b->uidls, more, sizeof(*grown));
        if (grown == NULL)
            return ERR_NOMEM;
        b->uidls = grown;
        b->uidls_cap = more;
    }
    b->uidls[b->uidls_n++] = uidl;
    return 0;
}

/* The rows that must be there because this entry is. */
static int entry_follow(struct check *c, struct mail_place at, const struct entry_record *r)
{
    struct span value;
    struct message_record message;
    uint64_t id;
    struct mail_key key = mail_key_message(at.message);
    int err = check_get(c, &key, &value);
    if (err == 0)
        err = message_record_unpack(value, &message);
    if (err != 0 && !check_is_row_error(err))
        return err;
    if (err != 0)
        check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": message %" PRIu64 " is %s",
                      at.mailbox.v, at.uid.v, at.message.v,
                      err == ERR_NOT_FOUND ? "missing" : "damaged");
    else if (message.size != r->size)
        check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": its size differs from its message's",
                      at.mailbox.v, at.uid.v);
    key = mail_key_where(at);
    err = check_get(c, &key, &value);
    if (err == 0)
        err = reference_record_unpack(value, &id);
    if (err != 0 && !check_is_row_error(err))
        return err;
    if (err != 0)
        check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": its message does not lead to it",
                      at.mailbox.v, at.uid.v);
    key = mail_key_change((struct modseq){r->modseq}, at);
    err = check_get(c, &key, &value);
    if (err == 0)
        err = reference_record_unpack(value, &id);
    if (err != 0 && !check_is_row_error(err))
        return err;
    if (err != 0 || id != at.message.v)
        check_problem(c,
                      "mailbox %" PRIu32 " UID %" PRIu32 ": the list of changes does not have it",
                      at.mailbox.v, at.uid.v);
    return 0;
}

static int entries_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct check_boxes *b = arg;
    struct mail_place at;
    struct entry_record r;
    c->entries++;
    if (mail_key_read_entry(key, &at.mailbox, &at.uid) != 0) {
        check_problem(c, "an entry has a damaged key");
        return 0;
    }
    if (entry_record_unpack(value, &r) != 0) {
        check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": its entry is damaged", at.mailbox.v,
                      at.uid.v);
        return 0;
    }
    at.message = r.message;
    struct check_box *box = box_find(b, at.mailbox);
    if (box == NULL) {
        check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": its mailbox does not exist",
                      at.mailbox.v, at.uid.v);
    } else {
        box->messages++;
        box->unseen += (r.flags & FLAG_SEEN) == 0;
        box->bytes += r.size;
        if (box->known && (at.uid.v == 0 || at.uid.v >= box->record.uidnext))
            check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": this UID was never given",
                          at.mailbox.v, at.uid.v);
        if (box->known && r.modseq > box->record.highest_modseq)
            check_problem(
                c, "mailbox %" PRIu32 " UID %" PRIu32 ": its mod-sequence is beyond its mailbox's",
                at.mailbox.v, at.uid.v);
    }
    b->messages++;
    b->bytes += r.size;
    if (r.message.v >= c->look.account.next_message || r.uidl >= c->look.account.next_uidl)
        check_problem(c,
                      "mailbox %" PRIu32 " UID %" PRIu32 ": its message id or UIDL was never given",
                      at.mailbox.v, at.uid.v);
    int err = uidls_add(b, r.uidl);
    return err != 0 ? err : entry_follow(c, at, &r);
}

static int u64_order(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void boxes_compare(struct check *c, struct check_boxes *b)
{
    bool inbox = false;
    for (size_t i = 0; i < b->n; i++) {
        const struct check_box *box = &b->v[i];
        inbox |= box->id.v == INBOX_ID && box->known;
        if (box->known && (box->messages != box->record.messages ||
                           box->unseen != box->record.unseen || box->bytes != box->record.bytes))
            check_problem(c,
                          "mailbox %" PRIu32 ": its counters say %" PRIu64 " messages, %" PRIu64
                          " unseen, %" PRIu64 " bytes; there are %" PRIu64 ", %" PRIu64
                          ", %" PRIu64,
                          box->id.v, box->record.messages, box->record.unseen, box->record.bytes,
                          box->messages, box->unseen, box->bytes);
    }
    if (!inbox)
        check_problem(c, "there is no INBOX");
    const struct account_record *a = &c->look.account;
    if (b->messages != a->messages || b->bytes != a->bytes)
        check_problem(c,
                      "the quota says %" PRIu64 " messages, %" PRIu64 " bytes; there are %" PRIu64
                      ", %" PRIu64,
                      a->messages, a->bytes, b->messages, b->bytes);
    if (b->uidls_n > 0)
        qsort(b->uidls, b->uidls_n, sizeof(*b->uidls), u64_order);
    for (size_t i = 1; i < b->uidls_n; i++)
        if (b->uidls[i] == b->uidls[i - 1])
            check_problem(c, "UIDL %" PRIu64 " was given to two messages", b->uidls[i]);
}

static int check_boxes(struct check *c)
{
    struct check_boxes b = {0};
    int err = check_table(c, TABLE_MAILBOX, "mailboxes", boxes_take, &b);
    if (err == 0)
        err = check_table(c, TABLE_NAME, "names", names_take, &b);
    if (err == 0)
        err = check_table(c, TABLE_ENTRY, "entries", entries_take, &b);
    if (err == 0)
        boxes_compare(c, &b);
    free(b.v);
    free(b.uidls);
    return err;
}

int mailbox_check_until(struct mail *m,
                        account_id id,
                        bool bodies,
                        void (*report)(void *arg, struct span sentence),
                        int (*stop)(void *arg),
                        void *arg,
                        uint64_t *problems_out)
{
    struct check c = {.mail = m, .bodies = bodies, .report = report, .stop = stop, .arg = arg};
    buf_init(&c.sentence, CHECK_SENTENCE);
    c.arena = arena_new(CHECK_ARENA);
    int err = c.arena == NULL ? ERR_NOMEM : look_open(m, id, &c.look);
    if (err ==
        ERR_CORRUPT) { /* nothing can be compared with it, but it is a finding and not a failure */
        check_problem(&c, "the account record is damaged");
        err = 0;
        goto out;
    }
    if (err != 0)
        goto out;
    err = check_boxes(&c);
    if (err == 0)
        err = check_messages(&c);
    if (err == 0)
        err = check_references(&c);
    if (err == 0)
        err = check_expunged(&c);
    if (err == 0)
        err = check_annotations(&c);
    if (err == 0)
        err = check_grants(&c);
    if (err == 0)
        err = check_sets(&c);
    look_close(&c.look);
out:
    if (err == 0)
        *problems_out = c.problems;
    arena_free(c.arena);
    buf_done(&c.sentence);
    return err;
}

int mailbox_check(struct mail *m,
                  account_id id,
                  bool bodies,
                  void (*report)(void *arg, struct span sentence),
                  void *arg,
                  uint64_t *problems_out)
{
    return mailbox_check_until(m, id, bodies, report, NULL, arg, problems_out);
}
