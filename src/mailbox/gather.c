/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/gather.h"

#include "base/err.h"
#include "message/casemap.h"
#include "message/words.h"

enum {
    BATCH = 32, /* with summaries, which may have 64 KiB */
    BATCH_ENTRIES = 1024,
    BATCHES = 60, /* in a slice; a summary takes 10 microseconds, an entry one */
    BATCHES_ENTRIES = 20,
    ITEMS_ARENA = 8 * 1024 * 1024,
    TEXT_MAX = WORDS_GROWTH * LIMIT_SEARCH_HEADER,
};

static struct budget all_kept = {.max = LIMIT_SORT_MEMORY_ALL};

int gather_init(struct gather *g,
                struct mail *m,
                account_id id,
                struct mailbox_id mailbox,
                const struct numset *uids,
                bool envelopes)
{
    *g = (struct gather){
        .mail = m, .account = id, .mailbox = mailbox, .from = 1, .envelopes = envelopes};
    buf_init(&g->header, 2 * LIMIT_SEARCH_HEADER);
    buf_init(&g->text, TEXT_MAX);
    buf_init(&g->key, CASEMAP_GROWTH * (size_t)TEXT_MAX);
    g->keep = arena_new(LIMIT_SORT_MEMORY);
    g->items = arena_new(ITEMS_ARENA);
    g->one = arena_new(MIME_ARENA);
    if (g->keep == NULL || g->items == NULL || g->one == NULL)
        return ERR_NOMEM;
    return numset_copy(&g->uids, uids);
}

void gather_done(struct gather *g)
{
    budget_add(&all_kept, -(int64_t)(g->counted + g->charged));
    numset_done(&g->uids);
    arena_free(g->keep);
    arena_free(g->items);
    arena_free(g->one);
    buf_done(&g->header);
    buf_done(&g->text);
    buf_done(&g->key);
}

/* What was kept since the last time is counted. */
static int count_kept(struct gather *g)
{
    if (arena_err(g->keep) != 0)
        return arena_err(g->keep) == ERR_TOO_BIG ? ERR_LIMIT : ERR_NOMEM;
    size_t used = arena_used(g->keep);
    if (!budget_take(&all_kept, (int64_t)(used - g->counted)))
        return ERR_OVERLOAD;
    g->counted = used;
    return 0;
}

int gather_charge(struct gather *g, size_t bytes)
{
    if (!budget_take(&all_kept, (int64_t)bytes))
        return ERR_OVERLOAD;
    g->charged += bytes;
    return 0;
}

static int
take_one(struct gather *g,
         const struct mail_item *item,
         int (*take)(void *arg, const struct mail_item *item, const struct message_summary *s),
         void *arg)
{
    static const struct message_envelope nothing;
    struct message_summary s = {.envelope = &nothing};
    int err = 0;
    if (g->envelopes) {
        err = mailbox_envelope(g->mail, g->account, item, g->one, &g->header, &s);
        if (err == ERR_NOT_FOUND || err == ERR_CORRUPT || err == ERR_TOO_BIG) {
            s = (struct message_summary){.envelope = &nothing};
            err = 0;
        }
    }
    if (err == 0)
        err = take(arg, item, &s);
    arena_reset(g->one);
    return err;
}

int gather_run(struct gather *g,
               int (*take)(void *arg,
                           const struct mail_item *item,
                           const struct message_summary *s),
               void *arg,
               int (*stop)(void *stop_arg),
               void *stop_arg)
{
    struct mail_range range = {.mailbox = g->mailbox,
                               .uids = &g->uids,
                               .max = g->envelopes ? BATCH : BATCH_ENTRIES,
                               .summaries = g->envelopes};
    struct mail_item *items;
    size_t n;
    int err = 0;
    for (int left = g->envelopes ? BATCHES : BATCHES_ENTRIES; err == 0 && left > 0 && g->from != 0;
         left--) {
        range.from = g->from;
        arena_reset(g->items);
        err = stop != NULL ? stop(stop_arg) : 0;
        if (err == 0)
            err = mailbox_items(g->mail, g->account, &range, g->items, &items, &n, &g->from);
        for (size_t i = 0; err == 0 && i < n; i++)
            err = take_one(g, &items[i], take, arg);
        if (err == 0)
            err = count_kept(g);
    }
    return err != 0 ? err : g->from != 0;
}

int gather_key(struct gather *g, struct span utf8, struct span *out)
{
    buf_clear(&g->key);
    casemap_put(&g->key, utf8);
    if (g->key.err != 0)
        return g->key.err;
    *out = arena_dup(g->keep, buf_span(&g->key));
    return 0;
}
