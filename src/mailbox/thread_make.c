/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of RFC 5256's REFERENCES, named as there, on an array of nodes: one for each Message ID that a message
 * has or refers to, one for each message without, and later a dummy for each pair of threads that step 5 joins.
 * A slice is one of the phases below, each of which goes through the nodes once or twice, or a part of a sort.
 *
 * Would a link make a loop? The one who gets a parent has none yet, so it is the root of its tree, and the question
 * is whether it is the root of the other's tree, too: a union-find answers that in near constant time.
 *
 * Siblings need no sorting of their own: messages are sorted once, and linked to their parents in that order.
 */
#include "mailbox/thread.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/merge.h"

struct work_node {
    uint32_t message; /* its index + 1; 0: a dummy */
    uint32_t parent;  /* 0: none */
    uint32_t up;      /* step 1: union-find, towards the root; later whatever a step needs */
    uint32_t
        order; /* the message it is sorted as: its own, of a dummy its first child's; index + 1 */
    int64_t date_ms; /* that it is sorted by */
    bool later;      /* it has a message whose step 1.B is still to come */
    bool gone;       /* a dummy that is none any more, or was never needed */
};

struct threading {
    const struct thread_input *in;
    int (*const *phase)(struct threading *t); /* the one that is under way */
    struct work_node *nodes;                  /* [0] is not used */
    uint32_t n, max;
    uint32_t *sorted; /* the nodes with a message, by date */
    uint32_t *roots;  /* and those without a parent */
    uint32_t roots_n;
    uint32_t *spare; /* for sorting */
    bool sorting;
    struct merge merge;
    struct thread_forest forest;
};

/* ---- step 1 ------------------------------------------------------------------------------ */

static uint32_t root_of(struct threading *t, uint32_t v)
{
    struct work_node *nodes = t->nodes;
    while (nodes[v].up != v) {
        nodes[v].up = nodes[nodes[v].up].up;
        v = nodes[v].up;
    }
    return v;
}

static void link_to(struct threading *t, uint32_t parent, uint32_t child)
{
    if (t->nodes[child].parent != 0 || root_of(t, parent) == child)
        return;
    t->nodes[child].parent = parent;
    t->nodes[child].up = parent;
}

static uint32_t node_new(struct threading *t)
{
    uint32_t v = t->n++;
    must(v < t->max);
    t->nodes[v].up = v;
    return v;
}

/* Each message gets the node of its id, or one of its own: the first of several with that id gets it. */
static int place_messages(struct threading *t)
{
    for (uint32_t v = 0; v <= t->in->ids_n; v++)
        (void)node_new(t);
    for (uint32_t i = 0; i < t->in->n; i++) {
        uint32_t v = t->in->messages[i].id;
        if (v == 0 || t->nodes[v].message != 0)
            v = node_new(t);
        t->nodes[v].message = i + 1;
        t->nodes[v].order = i + 1;
        t->nodes[v].date_ms = t->in->messages[i].sent_ms;
        t->nodes[v].later = true;
        t->sorted[i] = v;
    }
    return 0;
}

static int link_references(struct threading *t)
{
    for (uint32_t i = 0; i < t->in->n; i++) {
        const struct thread_message *m = &t->in->messages[i];
        uint32_t before = 0, v = t->sorted[i];
        for (uint32_t r = 0; r < m->references_n; r++) {
            uint32_t reference = m->references[r];
            if (before != 0 && !t->nodes[reference].later)
                link_to(t, before, reference);
            before = reference;
        }
        t->nodes[v].later = false;
        if (before != 0)
            link_to(t, before, v);
    }
    return 0;
}

/* ---- steps 2 and 3 ----------------------------------------------------------------------- */

/* The nearest node at or above `v` that stays: a message, or a dummy at the top. Dummies on the way are dissolved, and
 * point to it from now on. */
static uint32_t anchor_of(struct threading *t, uint32_t v)
{
    struct work_node *nodes = t->nodes;
    uint32_t anchor = v;
    while (nodes[anchor].message == 0 && nodes[anchor].parent != 0)
        anchor = nodes[anchor].parent;
    while (v != anchor) {
        uint32_t parent = nodes[v].parent;
        nodes[v].parent = anchor;
        nodes[v].gone = true;
        v = parent;
    }
    return anchor;
}

static int prune(struct threading *t)
{
    struct work_node *nodes = t->nodes;
    for (uint32_t v = 1; v < t->n; v++) {
        nodes[v].gone = nodes[v].message == 0;
        nodes[v].up = 0; /* of a dummy: how many children it has */
    }
    for (uint32_t i = 0; i < t->in->n; i++) {
        struct work_node *node = &nodes[t->sorted[i]];
        if (node->parent == 0)
            continue;
        node->parent = anchor_of(t, node->parent);
        nodes[node->parent].up++;
    }
    for (uint32_t i = 0; i < t->in->n; i++) {
        struct work_node *node = &nodes[t->sorted[i]], *parent = &nodes[node->parent];
        if (node->parent == 0 || parent->message != 0)
            continue;
        parent->gone = parent->up < 2;
        if (parent->gone)
            node->parent = 0;
    }
    return 0;
}

/* ---- order ------------------------------------------------------------------------------- */

static int by_date(const void *a, const void *b, void *arg)
{
    const struct work_node *nodes = arg;
    const struct work_node *x = &nodes[*(const uint32_t *)a], *y = &nodes[*(const uint32_t *)b];
    if (x->date_ms != y->date_ms)
        return x->date_ms < y->date_ms ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* A part of it: 1 there is more to do. */
static int sort_nodes(struct threading *t, uint32_t **v, uint32_t n)
{
    if (!t->sorting)
        merge_begin(&t->merge, *v, t->spare, n, sizeof(**v), by_date, t->nodes);
    t->sorting = merge_more(&t->merge);
    if (t->sorting)
        return 1;
    uint32_t *sorted = merge_result(&t->merge);
    if (sorted != *v) {
        t->spare = *v;
        *v = sorted;
    }
    return 0;
}

static int sort_messages(struct threading *t)
{
    return sort_nodes(t, &t->sorted, t->in->n);
}

static int sort_roots(struct threading *t)
{
    return sort_nodes(t, &t->roots, t->roots_n);
}

/* A dummy is sorted as its first child, and those without a parent are the roots: step 4, and again behind step 5. */
static int find_roots(struct threading *t)
{
    struct work_node *nodes = t->nodes;
    for (uint32_t v = 1; v < t->n; v++)
        if (nodes[v].message == 0)
            nodes[v].order = 0;
    t->roots_n = 0;
    for (uint32_t i = 0; i < t->in->n; i++) {
        const struct work_node *node = &nodes[t->sorted[i]];
        struct work_node *parent = &nodes[node->parent];
        if (node->parent == 0) {
            t->roots[t->roots_n++] = t->sorted[i];
        } else if (parent->message == 0 && parent->order == 0) {
            parent->order = node->order;
            parent->date_ms = node->date_ms;
            t->roots[t->roots_n++] = node->parent;
        }
    }
    return 0;
}

/* REFS: a thread is as late as its latest message. */
static int date_roots_by_latest(struct threading *t)
{
    struct work_node *nodes = t->nodes;
    for (uint32_t v = 1; v < t->n; v++)
        nodes[v].up = nodes[v].parent != 0 ? nodes[v].parent : v;
    for (uint32_t i = 0; i < t->in->n; i++) {
        const struct work_node *node = &nodes[t->sorted[i]];
        int64_t sent_ms = t->in->messages[node->message - 1].sent_ms;
        struct work_node *root = &nodes[root_of(t, t->sorted[i])];
        if (root->date_ms < sent_ms)
            root->date_ms = sent_ms;
    }
    return 0;
}

/* ---- step 5 ------------------------------------------------------------------------------ */

static const struct thread_message *first_message(const struct threading *t, uint32_t v)
{
    return &t->in->messages[t->nodes[v].order - 1];
}

static bool is_dummy(const struct threading *t, uint32_t v)
{
    return t->nodes[v].message == 0;
}

/* 5.B: one root for each subject. */
static void fill_table(const struct threading *t, uint32_t *table)
{
    for (uint32_t i = 0; i < t->roots_n; i++) {
        uint32_t v = t->roots[i];
        const struct thread_message *m = first_message(t, v);
        uint32_t *entry = &table[m->subject];
        if (m->subject == 0)
            continue;
        if (*entry == 0 || (!is_dummy(t, *entry) &&
                            (is_dummy(t, v) || (first_message(t, *entry)->reply && !m->reply))))
            *entry = v;
    }
}

/* 5.C: `v` joins the root that the table has for its subject. */
static void join(struct threading *t, uint32_t v, uint32_t *entry)
{
    struct work_node *nodes = t->nodes;
    if (is_dummy(t, *entry)) {
        nodes[v].parent = *entry; /* if it is a dummy, its children follow it below */
        nodes[v].gone = is_dummy(t, v);
    } else if (first_message(t, v)->reply && !first_message(t, *entry)->reply) {
        nodes[v].parent = *entry;
    } else {
        uint32_t dummy = node_new(t);
        nodes[v].parent = dummy;
        nodes[*entry].parent = dummy;
        nodes[dummy].order = nodes[*entry].order;
        *entry = dummy;
    }
}

static int join_subjects(struct threading *t)
{
    uint32_t *table = calloc((size_t)t->in->subjects_n + 1, sizeof(*table));
    if (table == NULL)
        return ERR_NOMEM;
    fill_table(t, table);
    for (uint32_t i = 0; i < t->roots_n; i++) {
        uint32_t v = t->roots[i], subject = first_message(t, v)->subject;
        if (subject != 0 && table[subject] != v)
            join(t, v, &table[subject]);
    }
    free(table);
    for (uint32_t i = 0; i < t->in->n; i++) {
        struct work_node *node = &t->nodes[t->sorted[i]];
        if (node->parent != 0 && is_dummy(t, node->parent) && t->nodes[node->parent].gone)
            node->parent = t->nodes[node->parent].parent;
    }
    return 0;
}

/* ---- the result -------------------------------------------------------------------------- */

static void forest_add(struct thread_forest *f, uint32_t *last, uint32_t parent, uint32_t v)
{
    f->nodes[v].parent = parent;
    if (last[parent] == 0)
        f->nodes[parent].child = v;
    else
        f->nodes[last[parent]].next = v;
    last[parent] = v;
}

/* Nodes are numbered anew: roots first, in their order, then the others by date. */
static int make_forest(struct threading *t)
{
    uint32_t most = t->roots_n + t->in->n + 1;
    struct thread_forest f = {.nodes = calloc(most, sizeof(*f.nodes)), .n = 1};
    uint32_t *last = calloc(most, sizeof(*last));
    if (f.nodes == NULL || last == NULL) {
        free(f.nodes);
        free(last);
        return ERR_NOMEM;
    }
    for (uint32_t v = 1; v < t->n; v++)
        t->nodes[v].up = 0; /* from here on its new number */
    for (uint32_t i = 0; i < t->roots_n + t->in->n; i++) {
        uint32_t v = i < t->roots_n ? t->roots[i] : t->sorted[i - t->roots_n];
        if (t->nodes[v].up != 0)
            continue;
        t->nodes[v].up = f.n;
        if (!is_dummy(t, v))
            f.nodes[f.n].uid = t->in->messages[t->nodes[v].message - 1].uid;
        f.n++;
    }
    for (uint32_t i = 0; i < t->roots_n; i++)
        forest_add(&f, last, 0, t->nodes[t->roots[i]].up);
    for (uint32_t i = 0; i < t->in->n; i++) {
        const struct work_node *node = &t->nodes[t->sorted[i]];
        if (node->parent != 0)
            forest_add(&f, last, t->nodes[node->parent].up, node->up);
    }
    free(last);
    t->forest = f;
    return 0;
}

void thread_forest_done(struct thread_forest *f)
{
    free(f->nodes);
    *f = (struct thread_forest){0};
}

/* ---- the algorithms ---------------------------------------------------------------------- */

/* ORDEREDSUBJECT, of messages by date: each but the first of its subject below that. */
static int join_all_subjects(struct threading *t)
{
    uint32_t *first = calloc((size_t)t->in->subjects_n + 1, sizeof(*first));
    if (first == NULL)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < t->in->n; i++) {
        uint32_t v = t->sorted[i];
        uint32_t *entry = &first[t->in->messages[t->nodes[v].message - 1].subject];
        if (*entry == 0)
            *entry = v;
        else
            t->nodes[v].parent = *entry;
    }
    free(first);
    return 0;
}

/* clang-format off */
static int (*const phases[][11])(struct threading *t) = {
    [THREAD_ORDEREDSUBJECT] = {place_messages, sort_messages, join_all_subjects, find_roots, sort_roots, make_forest},
    [THREAD_REFERENCES] = {place_messages, link_references, prune, sort_messages, find_roots, sort_roots,
                           join_subjects, find_roots, sort_roots, make_forest},
    [THREAD_REFS] = {place_messages, link_references, prune, sort_messages, find_roots, sort_roots,
                     date_roots_by_latest, sort_roots, make_forest},
};
/* clang-format on */

int threading_open(enum thread_algorithm how, const struct thread_input *in, struct threading **out)
{
    if ((uint64_t)in->n + in->ids_n > LIMIT_THREAD_IDS)
        return ERR_LIMIT;
    struct threading *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_NOMEM;
    /* ids, messages without one of their own, and in step 5 at most a dummy for each subject, and each root */
    uint32_t dummies = in->subjects_n < in->n ? in->subjects_n : in->n;
    t->in = in;
    t->phase = phases[how];
    t->max = in->ids_n + in->n + dummies + 1;
    t->nodes = calloc(t->max, sizeof(*t->nodes));
    t->sorted = calloc((size_t)in->n + 1, sizeof(*t->sorted));
    t->roots = calloc((size_t)in->n + 1, sizeof(*t->roots));
    t->spare = calloc((size_t)in->n + 1, sizeof(*t->spare));
    if (t->nodes == NULL || t->sorted == NULL || t->roots == NULL || t->spare == NULL) {
        threading_close(t);
        return ERR_NOMEM;
    }
    *out = t;
    return 0;
}

int threading_run(struct threading *t, struct thread_forest *out)
{
    int r = *t->phase == NULL ? 0 : (*t->phase)(t);
    if (r != 0)
        return r;
    if (*t->phase != NULL && *++t->phase != NULL)
        return 1;
    *out = t->forest;
    t->forest = (struct thread_forest){0};
    return 0;
}

void threading_close(struct threading *t)
{
    if (t == NULL)
        return;
    thread_forest_done(&t->forest);
    free(t->nodes);
    free(t->sorted);
    free(t->roots);
    free(t->spare);
    free(t);
}
