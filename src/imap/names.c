/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/names.h"

#include "imap/place.h"
#include "mailbox/sharers.h"

enum { SHARER_ARENA = 16 * 1024 * 1024 };

/* As bytes, but the separator before all others: what is below a name follows it at once. */
static int compare(struct span x, struct span y)
{
    size_t n = x.n < y.n ? x.n : y.n;
    for (size_t k = 0; k < n; k++) {
        unsigned char c = (unsigned char)x.p[k], d = (unsigned char)y.p[k];
        if (c != d)
            return c == '/' ? -1 : d == '/' ? 1 : c < d ? -1 : 1;
    }
    return x.n < y.n ? -1 : x.n > y.n;
}

static int by_level(const void *a, const void *b)
{
    const struct imap_name *x = a, *y = b;
    return compare(x->name, y->name);
}

static int by_level_shared(const void *a, const void *b)
{
    const struct mail_shared *x = a, *y = b;
    return compare(x->box.name, y->box.name);
}

static bool is_below(struct span name, struct span parent)
{
    return name.n > parent.n && name.p[parent.n] == '/' && span_starts(name, parent);
}

static size_t levels(struct span name)
{
    size_t n = 1;
    for (size_t k = 0; k < name.n; k++)
        n += name.p[k] == '/';
    return n;
}

/* Of the same name there is one, who knows what all did. */
static size_t unite(struct imap_name *v, size_t n)
{
    size_t kept = 0;
    for (size_t k = 0; k < n; k++) {
        if (kept > 0 && span_eq(v[kept - 1].name, v[k].name)) {
            if (v[kept - 1].box == NULL) {
                v[kept - 1].box = v[k].box;
                v[kept - 1].account = v[k].account;
                v[kept - 1].rights = v[k].rights;
            }
            v[kept - 1].level = v[kept - 1].level || v[k].level;
            v[kept - 1].subscribed = v[kept - 1].subscribed || v[k].subscribed;
        } else {
            v[kept++] = v[k];
        }
    }
    return kept;
}

/* ---- what others share -------------------------------------------------------------------- */

bool imap_names_reach_others(struct span prefix)
{
    struct span others = SPAN(IMAP_OTHERS "/");
    return prefix.n < others.n ? span_starts(others, prefix) : span_starts(prefix, others);
}

struct shared {
    struct imap_name *v;
    size_t n, max;
    struct span before; /* the mailbox before */
};

/* One mailbox, and the levels above it that were not above the one before. */
static int add_shared(struct arena *a,
                      const struct mail_sharer *owner,
                      const struct mail_shared *m,
                      struct shared *to)
{
    struct mailbox *box = arena_alloc(a, sizeof *box);
    if (box == NULL)
        return arena_err(a);
    *box = m->box;
    box->name = imap_place_name(a, owner->address, m->box.name);
    box->use = USE_NONE; /* another's */
    if (box->name.p == NULL)
        return arena_err(a);
    for (size_t n = 0; n < box->name.n && to->n < to->max; n++) {
        struct span level = span_slice(box->name, 0, n);
        if (box->name.p[n] == '/' && !span_eq(to->before, level) && !is_below(to->before, level))
            to->v[to->n++] = (struct imap_name){.name = level, .level = true};
    }
    to->before = box->name;
    if (to->n < to->max)
        to->v[to->n++] = (struct imap_name){
            .name = box->name, .box = box, .account = owner->owner, .rights = m->rights};
    return 0;
}

static int
read_sharer(struct imap *i, struct arena *a, const struct mail_sharer *owner, struct shared *to)
{
    struct mail_user user = {i->account, span_str(i->address)};
    struct arena *theirs = arena_new(SHARER_ARENA);
    struct mail_shared *v;
    size_t n = 0;
    int err = theirs == NULL
                  ? ERR_NOMEM
                  : mailbox_list_shared(i->server->mail, owner->owner, &user, theirs, &v, &n);
    if (err == 0)
        qsort(v, n, sizeof *v, by_level_shared);
    for (size_t k = 0; err == 0 && k < n && to->n < to->max; k++)
        err = add_shared(a, owner, &v[k], to);
    arena_free(theirs);
    return err == ERR_NO_USER || err == ERR_CORRUPT ? 0 : err; /* theirs is not our trouble */
}

static int read_shared(struct imap *i, struct arena *a, struct shared *to)
{
    struct mail_user user = {i->account, span_str(i->address)};
    struct mail_sharer *v;
    size_t n;
    int err = mailbox_sharers(i->server->mail, &user, a, &v, &n);
    if (err != 0 || n == 0)
        return err;
    to->max = LIMIT_SHARED_NAMES;
    to->v = arena_array(a, to->max, sizeof *to->v);
    if (to->v == NULL)
        return arena_err(a);
    for (size_t k = 0; err == 0 && k < n && to->n < to->max; k++)
        err = read_sharer(i, a, &v[k], to);
    return err;
}

/* ---- all ----------------------------------------------------------------------------------- */

static int gather(struct imap *i,
                  struct arena *a,
                  struct span prefix,
                  const struct shared *shared,
                  struct imap_name **out,
                  size_t *n_out)
{
    struct mailbox *boxes;
    struct span *alone;
    size_t boxes_n, alone_n, most = shared->n, n = 0;
    int err = mailbox_list(i->server->mail, i->account, a, &boxes, &boxes_n);
    if (err == 0)
        err = mailbox_subscriptions(i->server->mail, i->account, a, &alone, &alone_n);
    if (err != 0)
        return err;
    most += boxes_n;
    for (size_t k = 0; k < alone_n; k++)
        most += levels(alone[k]);
    struct imap_name *v = arena_array(a, most + 1, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    for (size_t k = 0; k < boxes_n; k++)
        if (span_istarts(boxes[k].name, prefix) && !imap_place_is_others(boxes[k].name))
            v[n++] = (struct imap_name){.name = boxes[k].name,
                                        .box = &boxes[k],
                                        .account = i->account,
                                        .rights = RIGHTS_ALL,
                                        .subscribed = boxes[k].subscribed};
    for (size_t k = 0; k < alone_n; k++) {
        if (!span_istarts(alone[k], prefix))
            continue;
        for (size_t to = prefix.n; to < alone[k].n; to++)
            if (alone[k].p[to] == '/')
                v[n++] = (struct imap_name){.name = span_slice(alone[k], 0, to)};
        v[n++] = (struct imap_name){.name = alone[k], .subscribed = true};
    }
    if (shared->n > 0)
        memcpy(&v[n], shared->v, shared->n * sizeof *v);
    *out = v;
    *n_out = n + shared->n;
    return 0;
}

int imap_names_read(struct imap *i,
                    struct arena *a,
                    struct span prefix,
                    bool others,
                    struct imap_name **out,
                    size_t *n_out)
{
    struct shared shared = {.v = NULL};
    int err = others ? read_shared(i, a, &shared) : 0;
    if (err == 0)
        err = gather(i, a, prefix, &shared, out, n_out);
    if (err != 0)
        return err;
    qsort(*out, *n_out, sizeof(**out), by_level);
    *n_out = unite(*out, *n_out);
    return 0;
}

void imap_names_relate(struct imap_name *v, size_t n)
{
    struct imap_name *above[LIMIT_MAILBOX_DEPTH + 2]; /* "Other Users/" and whose */
    size_t depth = 0;
    for (size_t k = 0; k < n; k++) {
        while (depth > 0 && !is_below(v[k].name, above[depth - 1]->name))
            depth--;
        for (size_t d = 0; d < depth; d++) {
            above[d]->children = above[d]->children || v[k].box != NULL;
            above[d]->below = above[d]->below || v[k].chosen;
        }
        if (depth < COUNT_OF(above))
            above[depth++] = &v[k];
    }
}
