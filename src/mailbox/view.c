/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: the list of a mailbox, a message. */
#include "mailbox/edit.h"

#include "base/err.h"

enum { VIEW_PROBES = 100000 }; /* half a second's worth */

static int view_grow(struct mail_view *v, size_t *cap, size_t max)
{
    size_t more = *cap == 0 ? 64 : *cap * 2;
    if (more > max)
        more = max;
    struct mail_entry *grown = reallocarray(v->v, more, sizeof(*grown));
    if (grown == NULL)
        return ERR_NOMEM;
    v->v = grown;
    *cap = more;
    return 0;
}

static int view_take(struct span key, struct span value, struct mail_entry *out)
{
    struct mailbox_id mailbox;
    struct entry_record r;
    struct mail_uid uid;
    int err = mail_key_read_entry(key, &mailbox, &uid);
    if (err == 0)
        err = entry_record_unpack(value, &r);
    if (err == 0)
        *out = (struct mail_entry){
            .uid = uid,
            .flags = r.flags,
            .message = r.message,
            .uidl = r.uidl,
            .size = r.size,
            .received_ms = r.received_ms,
        };
    return err;
}

static int
view_add(struct mail_view *v, size_t *cap, size_t max, struct span key, struct span value)
{
    if (v->n == *cap) {
        int err = view_grow(v, cap, max);
        if (err != 0)
            return err;
    }
    if (view_take(key, value, &v->v[v->n]) == 0)
        v->n++;
    else
        v->damaged++;
    return 0;
}

/* A damaged block hides from a scan all that has been written between its first and its last key, also
 * long after it and elsewhere: at the end of a mailbox that is every new message. Each of them is found
 * by its key; so the UIDs of a stretch where the scan met damage are asked for one by one. */
static int
view_probe(struct look *l, struct mail_view *v, size_t *cap, size_t max, uint64_t from, uint64_t to)
{
    if (to - from > VIEW_PROBES) { /* rather the newest than the oldest: nobody has seen those */
        from = to - VIEW_PROBES;
        v->damaged++;
    }
    int err = 0;
    for (uint64_t uid = from; err == 0 && uid < to && v->n < max; uid++) {
        struct mail_key key = mail_key_entry(v->mailbox, (struct mail_uid){(uint32_t)uid});
        struct span value;
        err = look_get(l, &key, &value);
        if (err == 0)
            err = view_add(v, cap, max, mail_key_span(&key), value);
        else if (err == ERR_CORRUPT || err == ERR_NOT_FOUND) {
            v->damaged += err == ERR_CORRUPT;
            err = 0;
        }
        arena_reset(l->arena);
    }
    return err;
}

static int view_scan(struct look *l, size_t max, struct mail_view *v)
{
    struct store_iter *it;
    struct span key, value;
    size_t cap = 0, damaged = 0;
    uint64_t next = 1; /* the lowest UID that may come */
    struct mail_key prefix = mail_key_entries(v->mailbox);
    int err = store_snap_scan(l->snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while (v->n < max && (err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_id mailbox;
        struct mail_uid uid;
        err = 0;
        if (mail_key_read_entry(key, &mailbox, &uid) != 0) {
            v->damaged++;
            continue;
        }
        if (damaged > 0 && uid.v > next)
            err = view_probe(l, v, &cap, max, next, uid.v);
        if (err == 0 && v->n < max)
            err = view_add(v, &cap, max, key, value);
        if (err != 0)
            break;
        damaged = 0;
        next = (uint64_t)uid.v + 1;
    }
    store_iter_close(it);
    if (err == 0 && damaged > 0 && v->uidnext > next)
        err = view_probe(l, v, &cap, max, next, v->uidnext);
    if (err < 0)
        return err;
    if (v->n == 0) {
        free(v->v);
        v->v = NULL;
    } else if (v->n <
               cap) { /* a view lives as long as its session: give back what it does not need */
        struct mail_entry *cut = reallocarray(v->v, v->n, sizeof(*cut));
        if (cut != NULL)
            v->v = cut;
    }
    return 0;
}

int mailbox_view_load(
    struct mail *m, account_id id, struct mailbox_id mailbox, size_t max, struct mail_view *out)
{
    struct look l;
    struct span value;
    struct mailbox_record box;
    struct mail_view v = {.mailbox = {mailbox.v != 0 ? mailbox.v : INBOX_ID}};
    struct mail_key key = mail_key_mailbox(v.mailbox);
    int err = look_open(m, id, &l);
    if (err != 0)
        return err;
    err = look_get(&l, &key, &value);
    if (err == 0)
        err = mailbox_record_unpack(value, &box);
    if (err == 0) {
        v.uidvalidity = box.uidvalidity;
        v.uidnext = box.uidnext;
        v.modseq.v = box.highest_modseq;
        err = view_scan(&l, max, &v);
    }
    look_close(&l);
    if (err != 0)
        mailbox_view_done(&v);
    else
        *out = v;
    return err;
}

void mailbox_view_done(struct mail_view *v)
{
    free(v->v);
    v->v = NULL;
    v->n = 0;
}

int mailbox_message_get(
    struct mail *m, account_id id, struct message_id msg, struct arena *a, struct mail_message *out)
{
    struct look l;
    struct span value;
    struct message_record r;
    struct mail_key key = mail_key_message(msg);
    int err = look_open_bare(m, id, &l);
    if (err != 0)
        return err;
    err = look_get(&l, &key, &value);
    if (err == 0)
        err = message_record_unpack(value, &r);
    if (err == 0) {
        struct span from = r.envelope_from.n > 0 ? arena_dup(a, r.envelope_from) : SPAN_EMPTY;
        if (from.p == NULL && r.envelope_from.n > 0) {
            err = arena_err(a);
        } else {
            *out = (struct mail_message){.id = msg,
                                         .blob = r.blob,
                                         .size = r.size,
                                         .received_ms = r.received_ms,
                                         .envelope_from = from};
            memcpy(out->digest, r.digest, sizeof(out->digest));
        }
    }
    if (err == ERR_NOT_FOUND)
        err = look_missing(&l);
    look_close(&l);
    return err;
}

int mailbox_message_open(struct mail *m,
                         account_id id,
                         struct message_id msg,
                         struct blob_reader **out,
                         struct blob_info *info_out)
{
    struct look l;
    struct span value;
    struct message_record r;
    struct blob_info info;
    struct mail_key key = mail_key_message(msg);
    int err = look_open_bare(m, id, &l);
    if (err != 0)
        return err;
    err = look_get(&l, &key, &value);
    if (err == 0)
        err = message_record_unpack(value, &r);
    if (err == ERR_NOT_FOUND)
        err = look_missing(&l);
    look_close(&l);
    if (err != 0)
        return err;
    struct blob_reader *reader;
    err = store_blob_open(m->store, r.blob, &reader, &info);
    if (err == ERR_NOT_FOUND)
        return ERR_CORRUPT; /* the record is there and its body is not: damage, not absence */
    if (err != 0)
        return err;
    if (info.size != r.size || memcmp(info.digest, r.digest, sizeof(r.digest)) != 0) {
        store_blob_close(reader);
        return ERR_CORRUPT;
    }
    *out = reader;
    *info_out = info;
    return 0;
}
