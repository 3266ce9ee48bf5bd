/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/names.h"

/* As bytes, but the separator before all others: what is below a name follows it at once. */
static int by_level(const void *a, const void *b)
{
    const struct imap_name *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    for (size_t k = 0; k < n; k++) {
        unsigned char c = (unsigned char)x->name.p[k], d = (unsigned char)y->name.p[k];
        if (c != d)
            return c == '/' ? -1 : d == '/' ? 1 : c < d ? -1 : 1;
    }
    return x->name.n < y->name.n ? -1 : x->name.n > y->name.n;
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
            if (v[kept - 1].box == NULL)
                v[kept - 1].box = v[k].box;
            v[kept - 1].subscribed = v[kept - 1].subscribed || v[k].subscribed;
        } else {
            v[kept++] = v[k];
        }
    }
    return kept;
}

int imap_names_read(struct imap *i, struct arena *a, struct imap_name **out, size_t *n_out)
{
    struct mailbox *boxes;
    struct span *alone;
    size_t boxes_n, alone_n, most, n = 0;
    int err = mailbox_list(i->server->mail, i->account, a, &boxes, &boxes_n);
    if (err == 0)
        err = mailbox_subscriptions(i->server->mail, i->account, a, &alone, &alone_n);
    if (err != 0)
        return err;
    most = boxes_n;
    for (size_t k = 0; k < alone_n; k++)
        most += levels(alone[k]);
    struct imap_name *v = arena_array(a, most + 1, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    for (size_t k = 0; k < boxes_n; k++)
        v[n++] = (struct imap_name){
            .name = boxes[k].name, .box = &boxes[k], .subscribed = boxes[k].subscribed};
    for (size_t k = 0; k < alone_n; k++) {
        for (size_t to = 0; to < alone[k].n; to++)
            if (alone[k].p[to] == '/')
                v[n++] = (struct imap_name){.name = span_slice(alone[k], 0, to)};
        v[n++] = (struct imap_name){.name = alone[k], .subscribed = true};
    }
    qsort(v, n, sizeof *v, by_level);
    *out = v;
    *n_out = unite(v, n);
    return 0;
}

static bool is_below(struct span name, struct span parent)
{
    return name.n > parent.n && name.p[parent.n] == '/' && span_starts(name, parent);
}

void imap_names_relate(struct imap_name *v, size_t n)
{
    struct imap_name *above[LIMIT_MAILBOX_DEPTH];
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
