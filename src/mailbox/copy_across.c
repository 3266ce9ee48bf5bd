/* SPDX-License-Identifier: Apache-2.0 */
/* COPY to another account. The messages are new ones there, with the same bodies: nothing is read but records, and the
 * quota of the other account counts them. One transaction of that account, so all of them or none. */
#include "mailbox/sync.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/mailbox.h"

enum {
    ACROSS_ARENA = 64 * 1024 * 1024,
    ACROSS_SUMMARIES = 1000, /* of more messages they are derived anew when they are asked for */
};

struct across {
    struct mail *mail;
    account_id from, to;
    const struct mail_copy *in;
    struct arena *arena;
    struct span *names; /* keywords of `from` */
    size_t names_n;
    uint16_t *ids; /* theirs in `to`, and one more; 0: not asked for yet */
    struct mail_item *v;
    struct mail_append *appends;
    size_t n;
};

/* A keyword's id in the other account. ERR_LIMIT: its list is full, and the message goes without. */
static int translate(struct across *x, uint16_t id, uint16_t *out)
{
    uint32_t given;
    if (id >= x->names_n)
        return ERR_NOT_FOUND;
    if (x->ids[id] == 0) {
        int err = mailbox_keyword(x->mail, x->to, x->names[id],
                                  x->in->guest ? KEYWORD_ADD_GUEST : KEYWORD_ADD, &given);
        if (err != 0)
            return err;
        x->ids[id] = (uint16_t)(given + 1);
    }
    *out = (uint16_t)(x->ids[id] - 1);
    return 0;
}

static void insert_sorted(struct keyword_ids *to, uint16_t id)
{
    uint32_t at = to->n++;
    for (; at > 0 && to->v[at - 1] > id; at--)
        to->v[at] = to->v[at - 1];
    to->v[at] = id;
}

static int
prepare_keywords(struct across *x, const struct keyword_ids *from, struct mail_append *to)
{
    struct keyword_ids *ids = arena_alloc(x->arena, sizeof *ids);
    if (ids == NULL)
        return arena_err(x->arena);
    ids->n = 0;
    for (uint32_t k = 0; k < from->n; k++) {
        uint16_t id;
        int err = translate(x, from->v[k], &id);
        if (err == 0)
            insert_sorted(ids, id);
        else if (err != ERR_NOT_FOUND && err != ERR_LIMIT)
            return err;
    }
    to->keywords = ids;
    return 0;
}

static int prepare(struct across *x, const struct mail_item *item, struct mail_append *to)
{
    struct mail_message msg;
    int err = mailbox_message_get(x->mail, x->from, item->message, x->arena, &msg);
    if (err != 0)
        return err;
    *to = (struct mail_append){
        .mailbox = x->in->to,
        .blob = msg.blob,
        .info = {.size = msg.size},
        .received_ms = item->received_ms,
        .flags = item->flags & ~x->in->drop_flags,
        .quota_bytes = x->in->quota_bytes,
        .quota_messages = x->in->quota_messages,
        .envelope_from = msg.envelope_from,
        .summary = item->summary,
    };
    memcpy(to->info.digest, msg.digest, sizeof to->info.digest);
    return item->keywords.n == 0 || x->in->drop_keywords ? 0
                                                         : prepare_keywords(x, &item->keywords, to);
}

static int prepare_all(struct across *x, const struct numset *uids)
{
    uint64_t count = numset_count(uids);
    size_t damaged = 0;
    struct mail_range range = {
        .mailbox = x->in->from,
        .uids = uids,
        .from = 1,
        .max = (size_t)count,
        .summaries = count <= ACROSS_SUMMARIES,
        .damaged_out = &damaged,
    };
    uint32_t next;
    int err = mailbox_keywords(x->mail, x->from, x->arena, &x->names, &x->names_n);
    if (err == 0)
        err = mailbox_items(x->mail, x->from, &range, x->arena, &x->v, &x->n, &next);
    if (err == 0 && damaged > 0) /* all or none */
        err = ERR_CORRUPT;
    if (err != 0)
        return err;
    x->ids = arena_array(x->arena, x->names_n + 1, sizeof *x->ids);
    x->appends = arena_array(x->arena, x->n + 1, sizeof *x->appends);
    if (x->ids == NULL || x->appends == NULL)
        return arena_err(x->arena);
    memset(x->ids, 0, (x->names_n + 1) * sizeof *x->ids);
    for (size_t k = 0; err == 0 && k < x->n; k++)
        err = prepare(x, &x->v[k], &x->appends[k]);
    return err;
}

static int
across(struct across *x, const struct numset *uids, struct numset *from_out, struct numset *to_out)
{
    int err = prepare_all(x, uids);
    if (err != 0)
        return err;
    struct mail_appended *given = arena_array(x->arena, x->n + 1, sizeof *given);
    if (given == NULL)
        return arena_err(x->arena);
    if (x->n > 0)
        err = mailbox_append_many(x->mail, x->to, x->appends, x->n, given);
    if (err != 0)
        return err;
    numset_clear(from_out);
    numset_clear(to_out);
    for (size_t k = 0; k < x->n; k++) {
        numset_add(from_out, x->v[k].uid.v);
        numset_add(to_out, given[k].uid.v);
    }
    return from_out->err != 0 ? from_out->err : to_out->err;
}

int mailbox_copy_across(struct mail *m,
                        account_id from,
                        account_id to,
                        const struct mail_copy *in,
                        const struct numset *uids,
                        uint32_t *uidvalidity_out,
                        struct numset *from_out,
                        struct numset *to_out)
{
    struct across x = {.mail = m, .from = from, .to = to, .in = in};
    struct mail_head source, head;
    if (numset_count(uids) > LIMIT_MAIL_COPY)
        return ERR_LIMIT;
    int err = mailbox_head(m, from, in->from, &source);
    if (err == 0)
        err = mailbox_head(m, to, in->to, &head);
    if (err != 0)
        return err;
    x.arena = arena_new(ACROSS_ARENA);
    if (x.arena == NULL)
        return ERR_NOMEM;
    err = across(&x, uids, from_out, to_out);
    if (err == 0)
        *uidvalidity_out = head.uidvalidity;
    arena_free(x.arena);
    return err;
}
