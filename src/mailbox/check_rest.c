/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox_check, second part: messages and their bodies, the indexes, what was expunged. */
#include "mailbox/acl.h"
#include "mailbox/check.h"

#include "base/err.h"
#include "base/limits.h"

#include <inttypes.h>

static int any_row(struct check *c, struct mail_key prefix, bool *out)
{
    struct store_iter *it;
    struct span key, value;
    int err = store_snap_scan(c->look.snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    err = store_iter_next(it, &key, &value);
    store_iter_close(it);
    *out = err != 0;
    return err < 0 && err != ERR_CORRUPT ? err : 0;
}

static int body_look(struct check *c, const struct message_record *r)
{
    struct blob_reader *reader;
    struct blob_info info;
    int err = store_blob_open(c->mail->store, r->blob, &reader, &info);
    if (err != 0)
        return err;
    store_blob_close(reader);
    if (info.size != r->size || memcmp(info.digest, r->digest, sizeof(r->digest)) != 0)
        return ERR_CORRUPT;
    return c->bodies ? store_blob_verify(c->mail->store, r->blob) : 0;
}

static int messages_take(struct check *c, void *arg, struct span key, struct span value)
{
    (void)arg;
    struct message_id id;
    struct message_record r;
    bool live = false, kept = false;
    if (mail_key_read_message(key, &id) != 0) {
        check_problem(c, "a message has a damaged key");
        return 0;
    }
    int err = any_row(c, mail_key_wheres(id), &live);
    if (err == 0 && !live)
        err = any_row(c, mail_key_expungeds(id), &kept);
    if (err != 0)
        return err;
    if (!live && !kept)
        check_problem(c, "message %" PRIu64 " is in no mailbox and was not expunged", id.v);
    if (message_record_unpack(value, &r) != 0) {
        check_problem(c, "message %" PRIu64 ": its record is damaged", id.v);
        return 0;
    }
    err = body_look(c, &r);
    if (err != 0 && !check_is_row_error(err))
        return err;
    if (err != 0)
        check_problem(c, "message %" PRIu64 ": its body is %s", id.v,
                      err == ERR_NOT_FOUND ? "missing" : "damaged");
    return 0;
}

int check_messages(struct check *c)
{
    return check_table(c, TABLE_MESSAGE, "messages", messages_take, NULL);
}

/* 0 and the entry of a place; absent and damaged are ERR_NOT_FOUND. */
static int entry_at(struct check *c, struct mail_place at, struct entry_record *out)
{
    struct span value;
    struct mail_key key = mail_key_entry(at.mailbox, at.uid);
    int err = check_get(c, &key, &value);
    if (err == 0)
        err = entry_record_unpack(value, out);
    return err == ERR_CORRUPT ? ERR_NOT_FOUND : err;
}

static int wheres_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct mail_place at;
    struct entry_record r;
    uint64_t *n = arg, id;
    (*n)++;
    if (mail_key_read_place(key, TABLE_WHERE, &at) != 0 ||
        reference_record_unpack(value, &id) != 0) {
        check_problem(c, "a row of the index from messages to mailboxes is damaged");
        return 0;
    }
    int err = entry_at(c, at, &r);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    if (err != 0 || r.message.v != at.message.v)
        check_problem(
            c, "message %" PRIu64 " leads to mailbox %" PRIu32 " UID %" PRIu32 ", which is not it",
            at.message.v, at.mailbox.v, at.uid.v);
    return 0;
}

static int changes_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct modseq modseq;
    struct mail_place at;
    struct entry_record r;
    uint64_t *n = arg;
    (*n)++;
    if (mail_key_read_modseq(key, TABLE_CHANGE, &modseq, &at) != 0 ||
        reference_record_unpack(value, &at.message.v) != 0) {
        check_problem(c, "a row of the list of changes is damaged");
        return 0;
    }
    int err = entry_at(c, at, &r);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    if (err != 0 || r.modseq != modseq.v)
        check_problem(c,
                      "change %" PRIu64 " names mailbox %" PRIu32 " UID %" PRIu32
                      ", which did not change then",
                      modseq.v, at.mailbox.v, at.uid.v);
    return 0;
}

static int tombstones_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct modseq modseq;
    struct mail_place at;
    struct entry_record r;
    uint64_t *n = arg;
    (*n)++;
    if (mail_key_read_modseq(key, TABLE_TOMBSTONE, &modseq, &at) != 0 ||
        reference_record_unpack(value, &at.message.v) != 0) {
        check_problem(c, "a row of the list of expunges is damaged");
        return 0;
    }
    const struct account_record *a = &c->look.account;
    if (modseq.v > a->modseq || modseq.v < a->changes_from ||
        (a->tombstone_modseq != 0 && modseq.v > a->tombstone_modseq))
        check_problem(c, "expunge %" PRIu64 " is outside of the list's range", modseq.v);
    int err = entry_at(c, at, &r);
    if (err == 0)
        check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": it was expunged and is there",
                      at.mailbox.v, at.uid.v);
    return err == 0 || err == ERR_NOT_FOUND ? 0 : err;
}

int check_references(struct check *c)
{
    uint64_t wheres = 0, changes = 0, tombstones = 0;
    int err = check_table(c, TABLE_WHERE, "places", wheres_take, &wheres);
    if (err == 0)
        err = check_table(c, TABLE_CHANGE, "changes", changes_take, &changes);
    if (err == 0)
        err = check_table(c, TABLE_TOMBSTONE, "expunges", tombstones_take, &tombstones);
    if (err != 0)
        return err;
    /* every entry has its row (check.c), every row its entry: only a difference in number can be
     * left */
    if (wheres != c->entries || changes != c->entries)
        check_problem(c,
                      "there are %" PRIu64 " entries, %" PRIu64 " places and %" PRIu64 " changes",
                      c->entries, wheres, changes);
    if (tombstones != c->look.account.tombstones)
        check_problem(c, "the account counts %" PRIu64 " expunges; there are %" PRIu64,
                      c->look.account.tombstones, tombstones);
    return 0;
}

struct check_gone {
    uint64_t rows, due, restorable_messages, restorable_bytes;
};

static int expunged_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct check_gone *g = arg;
    struct mail_place at;
    struct expunged_record r;
    struct span found;
    g->rows++;
    if (mail_key_read_place(key, TABLE_EXPUNGED, &at) != 0 ||
        expunged_record_unpack(value, &r) != 0) {
        check_problem(c, "a row of the expunged messages is damaged");
        return 0;
    }
    if (r.restorable) {
        g->restorable_messages++;
        g->restorable_bytes += r.size;
    }
    struct mail_key need[2] = {mail_key_due(r.until_ms, at), mail_key_message(at.message)};
    static const char *const lack[2] = {"it has no time to go", "its record is missing"};
    for (size_t i = 0; i < COUNT_OF(need); i++) {
        int err = check_get(c, &need[i], &found);
        if (err != 0 && !check_is_row_error(err))
            return err;
        if (err != 0)
            check_problem(c, "expunged message %" PRIu64 ": %s", at.message.v, lack[i]);
    }
    return 0;
}

static int due_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct check_gone *g = arg;
    int64_t until;
    struct mail_place at;
    struct expunged_record r;
    struct span found;
    uint64_t id;
    g->due++;
    if (mail_key_read_due(key, &until, &at) != 0 || reference_record_unpack(value, &id) != 0) {
        check_problem(c, "a row of the times to go is damaged");
        return 0;
    }
    struct mail_key need = mail_key_expunged(at);
    int err = check_get(c, &need, &found);
    if (err == 0)
        err = expunged_record_unpack(found, &r);
    if (err != 0 && !check_is_row_error(err))
        return err;
    if (err == ERR_NOT_FOUND || (err == 0 && r.until_ms != until))
        check_problem(c, "message %" PRIu64 " has a time to go and was not expunged", at.message.v);
    return 0;
}

int check_expunged(struct check *c)
{
    struct check_gone g = {0};
    int err = check_table(c, TABLE_EXPUNGED, "expunged messages", expunged_take, &g);
    if (err == 0)
        err = check_table(c, TABLE_DUE, "times to go", due_take, &g);
    if (err != 0)
        return err;
    if (g.rows != g.due)
        check_problem(c, "%" PRIu64 " messages are expunged, %" PRIu64 " have a time to go", g.rows,
                      g.due);
    const struct account_record *a = &c->look.account;
    if (g.restorable_messages != a->restorable_messages ||
        g.restorable_bytes != a->restorable_bytes)
        check_problem(c,
                      "the account counts %" PRIu64 " restorable messages, %" PRIu64
                      " bytes; there are %" PRIu64 ", %" PRIu64,
                      a->restorable_messages, a->restorable_bytes, g.restorable_messages,
                      g.restorable_bytes);
    return 0;
}

static int annotations_take(struct check *c, void *arg, struct span key, struct span record)
{
    uint64_t *bytes = arg;
    struct mailbox_id mailbox;
    account_id user;
    struct span value;
    struct buf name;
    int err = 0;
    buf_init(&name, LIMIT_STORE_KEY);
    if (mail_key_read_annotation(key, &mailbox, &user, &name) != 0) {
        check_problem(c, "an annotation has a damaged key");
    } else if (annotation_record_unpack(record, &value) != 0) {
        check_problem(c, "mailbox %" PRIu32 ": the annotation %.*s is damaged", mailbox.v,
                      SPAN_ARG(buf_span(&name)));
    } else {
        struct mail_key need = mail_key_mailbox(mailbox);
        *bytes += name.n + value.n;
        err = mailbox.v == 0 ? 0 : check_get(c, &need, &value);
        if (err == ERR_NOT_FOUND)
            check_problem(c, "mailbox %" PRIu32 " has annotations and does not exist", mailbox.v);
        err = check_is_row_error(err) ? 0 : err;
    }
    buf_done(&name);
    return err;
}

int check_annotations(struct check *c)
{
    uint64_t bytes = 0;
    int err = check_table(c, TABLE_ANNOTATION, "annotations", annotations_take, &bytes);
    if (err == 0 && bytes != c->look.account.annotation_bytes)
        check_problem(c, "the account counts %" PRIu64 " bytes of annotations; there are %" PRIu64,
                      c->look.account.annotation_bytes, bytes);
    return err;
}

static int grants_take(struct check *c, void *arg, struct span key, struct span record)
{
    uint64_t *rows = arg;
    struct mailbox_id mailbox;
    struct mail_grant g;
    struct span value;
    account_id user;
    ++*rows;
    if (mail_key_read_grant(key, &mailbox, &user) != 0) {
        check_problem(c, "an entry of an access control list has a damaged key");
        return 0;
    }
    if (grant_record_unpack(record, &g) != 0) {
        check_problem(c, "mailbox %" PRIu32 ": an entry of its access control list is damaged",
                      mailbox.v);
        return 0;
    }
    struct mail_key need = mail_key_mailbox(mailbox), index = mail_key_grantee(user, mailbox);
    int err = check_get(c, &need, &value);
    if (err == ERR_NOT_FOUND)
        check_problem(c, "mailbox %" PRIu32 " has an access control list and does not exist",
                      mailbox.v);
    if (err == 0)
        err = check_get(c, &index, &value);
    if (err == ERR_NOT_FOUND)
        check_problem(c, "mailbox %" PRIu32 ": an entry of its access control list is not indexed",
                      mailbox.v);
    return check_is_row_error(err) ? 0 : err;
}

static int grantees_take(struct check *c, void *arg, struct span key, struct span record)
{
    struct mailbox_id mailbox;
    struct span value;
    account_id user;
    (void)arg;
    (void)record;
    if (mail_key_read_grantee(key, &user, &mailbox) != 0) {
        check_problem(c, "the index of access control lists has a damaged key");
        return 0;
    }
    struct mail_key need = mail_key_grant(mailbox, user);
    int err = check_get(c, &need, &value);
    if (err == ERR_NOT_FOUND)
        check_problem(c,
                      "mailbox %" PRIu32
                      ": an entry of an access control list that is not there is indexed",
                      mailbox.v);
    return check_is_row_error(err) ? 0 : err;
}

int check_grants(struct check *c)
{
    uint64_t rows = 0;
    int err = check_table(c, TABLE_GRANT, "access control lists", grants_take, &rows);
    if (err == 0)
        err = check_table(c, TABLE_GRANTEE, "index of access control lists", grantees_take, NULL);
    if (err == 0 && rows != c->look.account.grants)
        check_problem(
            c, "the account counts %" PRIu64 " entries of access control lists; there are %" PRIu64,
            c->look.account.grants, rows);
    return err;
}
