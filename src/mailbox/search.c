/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a search: sets first, then chunks of what the sets leave open.
 *
 * A chunk is taken from the lower or the upper end of `unsearched`. If the program has keys of the entry level, its
 * entries are read and the messages they decide are done; the rest is `pending` and read one after the other with
 * summaries, in small batches, since a summary may have 64 KiB.
 */
#include "mailbox/search_impl.h"

#include "base/err.h"
#include "message/casemap.h"
#include "message/match.h"

enum {
    CHUNK_FIRST = 64, /* small, for who wants the first match only */
    CHUNK_MAX = 1024,
    BATCH = 32,
    /* What things cost, in microseconds on a common machine; a slice is WORK_SLICE of them. */
    WORK_SLICE = 20000,
    WORK_ENTRY = 1,
    WORK_ENVELOPE = 10,
    WORK_BLOB = 50,
    ITEMS_ARENA = 8 * 1024 * 1024,
};

_Static_assert(BATCH *(LIMIT_SUMMARY + 1024) < ITEMS_ARENA && CHUNK_MAX * 1024 < ITEMS_ARENA,
               "a batch with summaries, and a chunk without, fit");

/* ---- opening ----------------------------------------------------------------------------- */

/* Leaves are numbered; 0, or ERR_LIMIT. */
static int count_keys(struct search_key *key, unsigned depth, size_t *keys, size_t *leaves)
{
    for (; key != NULL; key = key->next) {
        if (depth > LIMIT_SEARCH_DEPTH || ++*keys > LIMIT_SEARCH_KEYS)
            return ERR_LIMIT;
        if (key->op == SEARCH_AND || key->op == SEARCH_OR || key->op == SEARCH_NOT) {
            int err = count_keys(key->child, depth + 1, keys, leaves);
            if (err != 0)
                return err;
        } else {
            key->leaf = (uint32_t)(*leaves)++;
        }
    }
    return 0;
}

static int leaf_key(struct mailbox_search *s, struct search_key *key)
{
    buf_clear(&s->scratch);
    casemap_put(&s->scratch, key->text);
    key->key = arena_dup(s->keys, buf_span(&s->scratch));
    return s->scratch.err != 0 ? s->scratch.err : arena_err(s->keys);
}

static int leaf_modseq(struct mailbox_search *s, struct search_leaf *leaf)
{
    struct mail_head head;
    struct numset gone;
    bool complete;
    if (leaf->key->number <= 1)
        return numset_copy(&leaf->set, &s->uids);
    numset_init(&gone);
    int err =
        mailbox_changes(s->mail, s->account, s->mailbox, (struct modseq){leaf->key->number - 1},
                        &head, &leaf->set, &gone, &complete);
    numset_done(&gone);
    return err;
}

static int leaf_open(struct mailbox_search *s, struct search_key *key)
{
    struct search_leaf *leaf = &s->leaves[key->leaf];
    int err = 0;
    leaf->key = key;
    leaf->level = search_level_of(key);
    s->level[leaf->level] = true;
    if (key->op == SEARCH_UIDS)
        err = numset_copy(&leaf->set, &key->uids);
    else if (key->op == SEARCH_SET)
        err = mailbox_set(s->mail, s->account, s->mailbox, (uint32_t)key->number, &leaf->set);
    else if (key->op == SEARCH_MODSEQ)
        err = leaf_modseq(s, leaf);
    else
        err = leaf_key(s, key);
    numset_and(&leaf->set, &s->uids);
    return err != 0 ? err : leaf->set.err;
}

static int leaves_open(struct mailbox_search *s, struct search_key *key)
{
    int err = 0;
    for (; err == 0 && key != NULL; key = key->next)
        err = key->op == SEARCH_AND || key->op == SEARCH_OR || key->op == SEARCH_NOT
                  ? leaves_open(s, key->child)
                  : leaf_open(s, key);
    return err;
}

static int search_begin(struct mailbox_search *s, const struct numset *uids)
{
    size_t keys = 0;
    int err = count_keys(s->program, 1, &keys, &s->leaves_n);
    if (err == 0) /* what is gone matches nothing, NOT DELETED either */
        err = mailbox_set(s->mail, s->account, s->mailbox, SET_ALL, &s->uids);
    numset_and(&s->uids, uids);
    if (err == 0)
        err = s->uids.err;
    if (err != 0)
        return err;
    s->leaves = arena_array(s->keys, s->leaves_n + 1, sizeof(*s->leaves));
    if (s->leaves == NULL)
        return arena_err(s->keys);
    err = leaves_open(s, s->program);
    if (err == 0)
        err = search_bounds(s, &s->found, &s->unsearched);
    numset_andnot(&s->unsearched, &s->found);
    return err;
}

int mailbox_search_open(struct mail *m,
                        account_id id,
                        const struct mail_search *in,
                        struct mailbox_search **out)
{
    struct mailbox_search *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_NOMEM;
    *s = (struct mailbox_search){.mail = m,
                                 .account = id,
                                 .mailbox = in->mailbox,
                                 .program = in->program,
                                 .enough = in->enough,
                                 .newest = in->newest,
                                 .chunk = in->enough > 0 ? CHUNK_FIRST : CHUNK_MAX};
    buf_init(&s->header, 2 * LIMIT_SEARCH_HEADER);
    buf_init(&s->text, 2 * LIMIT_SEARCH_HEADER);
    buf_init(&s->scratch, MATCH_SCRATCH(2 * (size_t)LIMIT_SEARCH_HEADER));
    s->keys = arena_new(64 * (size_t)LIMIT_IMAP_COMMAND);
    s->items = arena_new(ITEMS_ARENA);
    s->one = arena_new(MIME_ARENA + LIMIT_SEARCH_KEYS * 128);
    int err = s->keys == NULL || s->items == NULL || s->one == NULL ? ERR_NOMEM
                                                                    : search_begin(s, in->uids);
    if (err != 0) {
        mailbox_search_close(s);
        return err;
    }
    *out = s;
    return 0;
}

void mailbox_search_close(struct mailbox_search *s)
{
    if (s == NULL)
        return;
    search_body_done(s);
    for (size_t i = 0; s->leaves != NULL && i < s->leaves_n; i++)
        numset_done(&s->leaves[i].set);
    numset_done(&s->uids);
    numset_done(&s->found);
    numset_done(&s->unsearched);
    numset_done(&s->pending);
    buf_done(&s->header);
    buf_done(&s->text);
    buf_done(&s->scratch);
    arena_free(s->keys);
    arena_free(s->items);
    arena_free(s->one);
    free(s);
}

/* ---- a message --------------------------------------------------------------------------- */

typedef int (*read_fn)(struct mailbox_search *s, const struct mail_item *item);

/* All is known of it that the program depends on. */
static int decided(struct mailbox_search *s, struct mail_uid uid)
{
    if (search_eval(s, s->program) == VALUE_YES)
        numset_add(&s->found, uid.v);
    return s->found.err;
}

/* Reads as far as the program depends on it. 1: the slice is over in the middle of the body. */
static int decide(struct mailbox_search *s, const struct mail_item *item)
{
    static const struct {
        enum search_level level;
        read_fn read;
        int64_t work;
    } levels[] = {
        {LEVEL_ENVELOPE, search_read_envelope, WORK_ENVELOPE},
        {LEVEL_HEADER, search_read_header, WORK_BLOB},
        {LEVEL_BODY, search_read_body, WORK_BLOB},
    };
    search_read_sets(s, item->uid);
    search_read_entry(s, item);
    enum search_value v = search_eval(s, s->program);
    for (size_t i = 0; v == VALUE_UNKNOWN && i < COUNT_OF(levels); i++) {
        if (!s->level[levels[i].level])
            continue;
        if (levels[i].level == LEVEL_ENVELOPE && item->summary.n == 0)
            s->work -= WORK_BLOB;
        s->work -= levels[i].work;
        int err = levels[i].read(s, item);
        if (err != 0)
            return err;
        v = search_eval(s, s->program);
    }
    return decided(s, item->uid);
}

/* ---- chunks ------------------------------------------------------------------------------ */

/* The next chunk leaves unsearched. */
static int chunk_take(struct mailbox_search *s, struct numset *out)
{
    uint64_t n = numset_count(&s->unsearched);
    uint32_t edge = 0;
    int err = numset_copy(out, &s->unsearched);
    if (err != 0)
        return err;
    if (n > s->chunk) {
        bool there = s->newest ? numset_at(&s->unsearched, (uint32_t)(n - s->chunk), &edge)
                               : numset_at(&s->unsearched, (uint32_t)s->chunk + 1, &edge);
        if (there && s->newest)
            numset_remove_range(out, 0, edge);
        else if (there)
            numset_remove_range(out, edge, UINT32_MAX);
    }
    numset_andnot(&s->unsearched, out);
    s->chunk = s->chunk < CHUNK_MAX ? 2 * s->chunk : CHUNK_MAX;
    return s->unsearched.err != 0 ? s->unsearched.err : out->err;
}

/* Entries of a chunk: what they decide is done, the rest stays in it. */
static int chunk_entries(struct mailbox_search *s, struct numset *chunk)
{
    struct mail_range range = {.mailbox = s->mailbox, .uids = chunk, .max = CHUNK_MAX};
    struct mail_item *items;
    struct numset open;
    size_t n;
    int err;
    numset_init(&open);
    do {
        arena_reset(s->items);
        err = mailbox_items(s->mail, s->account, &range, s->items, &items, &n, &range.from);
        for (size_t i = 0; err == 0 && i < n; i++) {
            s->work -= WORK_ENTRY;
            search_read_sets(s, items[i].uid);
            search_read_entry(s, &items[i]);
            enum search_value v = search_eval(s, s->program);
            if (v != VALUE_NO)
                numset_add(v == VALUE_YES ? &s->found : &open, items[i].uid.v);
        }
    } while (err == 0 && range.from != 0);
    if (err == 0)
        err = numset_copy(chunk, &open);
    numset_done(&open);
    return err;
}

static int batch(struct mailbox_search *s)
{
    struct mail_range range = {
        .mailbox = s->mailbox,
        .uids = &s->pending,
        .max = BATCH,
        .summaries = s->level[LEVEL_ENVELOPE],
    };
    struct mail_item *items;
    size_t n;
    arena_reset(s->items);
    int err = mailbox_items(s->mail, s->account, &range, s->items, &items, &n, &range.from);
    uint32_t before = range.from; /* those below it that are not there have gone */
    size_t i = 0;
    for (; err == 0 && i < n && s->work > 0; i++) {
        if (s->stop != NULL)
            err = s->stop(s->stop_arg);
        if (err == 0)
            err = decide(s, &items[i]);
        if (err > 0) /* it is gone on with before all others */
            err = 0;
    }
    if (i < n)
        before = items[i].uid.v;
    if (before == 0)
        numset_clear(&s->pending);
    else
        numset_remove_range(&s->pending, 0, before - 1);
    return err;
}

/* Enough is known: of the end that was begun with so many match for certain. */
static bool is_enough(const struct mailbox_search *s)
{
    if (s->enough == 0 || numset_is_empty(&s->unsearched))
        return false;
    if (s->newest)
        return numset_count(&s->found) - numset_rank(&s->found, numset_max(&s->unsearched)) >=
               s->enough;
    uint32_t next = numset_min(&s->unsearched);
    return (next > 0 ? numset_rank(&s->found, next - 1) : 0) >= s->enough;
}

static int next_chunk(struct mailbox_search *s)
{
    int err = chunk_take(s, &s->pending);
    if (err == 0 && s->level[LEVEL_ENTRY])
        err = chunk_entries(s, &s->pending);
    return err;
}

int mailbox_search_run(struct mailbox_search *s, int (*stop)(void *arg), void *arg)
{
    int err = 0;
    s->work = WORK_SLICE;
    s->stop = stop;
    s->stop_arg = arg;
    if (s->scan.match != NULL) {
        struct mail_uid uid = s->scan.uid;
        err = search_body_more(s);
        if (err > 0)
            return 1;
        if (err == 0)
            err = decided(s, uid);
    }
    while (err == 0 && s->work > 0) {
        if (!numset_is_empty(&s->pending)) {
            err = batch(s);
            continue;
        }
        if (is_enough(s))
            numset_clear(&s->unsearched);
        if (numset_is_empty(&s->unsearched))
            return 0;
        if (stop != NULL)
            err = stop(arg);
        if (err == 0)
            err = next_chunk(s);
    }
    return err != 0 ? err : 1;
}

const struct numset *mailbox_search_found(const struct mailbox_search *s)
{
    return &s->found;
}

void mailbox_search_progress(const struct mailbox_search *s, uint64_t *done_out, uint64_t *all_out)
{
    *all_out = numset_count(&s->uids);
    *done_out = *all_out - numset_count(&s->unsearched) - numset_count(&s->pending);
}
