/* SPDX-License-Identifier: Apache-2.0 */
/* Random transactions on the store and on a model that is too simple to be wrong: a sorted array.
 * After every few steps, inside and outside the transaction, gets and scans of all kinds must
 * agree. model_test sim|rocksdb [seed] */
#include "fixture.h"

enum { KEYS = 300, TXNS = 150, STEPS = 30 };

struct row {
    char key[8], value[24];
    bool there;
};
struct model {
    struct row rows[KEYS]; /* in order of key */
};

struct walk {
    struct rng_seeded rng;
    struct model committed, now;
    bool drop;
};

static uint64_t draw(struct walk *w, uint64_t bound)
{
    return rng_below(&w->rng.rng, bound);
}

static bool in_scan(const struct row *r, struct span prefix, struct span from, bool reverse)
{
    struct span key = span_str(r->key);
    if (!r->there || !span_starts(key, prefix))
        return false;
    return from.n == 0 || (reverse ? span_cmp(key, from) <= 0 : span_cmp(key, from) >= 0);
}

/* The scan must give exactly the model's rows. */
static void compare(struct store_iter *it,
                    const struct model *m,
                    struct span prefix,
                    struct span from,
                    bool reverse)
{
    struct span k, v;
    for (int i = 0; i < KEYS; i++) {
        const struct row *r = &m->rows[reverse ? KEYS - 1 - i : i];
        if (!in_scan(r, prefix, from, reverse))
            continue;
        assert_int_equal(store_iter_next(it, &k, &v), 1);
        assert_true(span_eq(k, span_str(r->key)));
        assert_true(span_eq(v, span_str(r->value)));
    }
    assert_int_equal(store_iter_next(it, &k, &v), 0);
    store_iter_close(it);
}

struct scan {
    struct store_iter *it;
    struct model seen; /* as it was when the scan was opened */
    char text[8];
    struct span prefix, from;
    bool reverse;
};

static void scan_draw(struct walk *w, struct scan *s)
{
    memcpy(s->text, w->now.rows[draw(w, KEYS)].key, sizeof(s->text));
    struct span key = span_str(s->text);
    s->prefix = span_slice(key, 0, draw(w, 3));
    s->from = draw(w, 2) == 0 ? SPAN_EMPTY : key;
    s->reverse = draw(w, 2) == 0;
    s->seen = w->now;
}

static void check_get(struct store_txn *t, const struct row *r)
{
    struct span v;
    int rc = store_txn_get(t, span_str(r->key), &v);
    assert_int_equal(rc, r->there ? 0 : ERR_NOT_FOUND);
    if (r->there)
        assert_true(span_eq(v, span_str(r->value)));
}

static int random_txn(struct store_txn *t, void *arg)
{
    struct walk *w = arg;
    struct scan *open =
        malloc(sizeof(*open)); /* one scan that stays open over the writes after it */
    w->now = w->committed;
    open->it = NULL;
    for (int step = 0; step < STEPS; step++) {
        struct row *r = &w->now.rows[draw(w, KEYS)];
        switch (draw(w, 6)) {
        case 0:
        case 1:
            snprintf(r->value, sizeof(r->value), "%llu", (unsigned long long)rng_u64(&w->rng.rng));
            r->there = true;
            store_txn_put(t, span_str(r->key), span_str(r->value));
            break;
        case 2:
            r->there = false;
            store_txn_del(t, span_str(r->key));
            break;
        case 3: check_get(t, r); break;
        default:
            if (open->it != NULL)
                compare(open->it, &open->seen, open->prefix, open->from, open->reverse);
            scan_draw(w, open);
            assert_int_equal(store_txn_scan(t, open->prefix, open->from, open->reverse, &open->it),
                             0);
        }
    }
    if (open->it != NULL)
        compare(open->it, &open->seen, open->prefix, open->from, open->reverse);
    free(open);
    return w->drop ? 1 : 0;
}

static uint64_t seed = 20260722;

static void random_transactions_agree_with_the_model(void **state)
{
    struct fixture *f = *state;
    struct walk *w = calloc(1, sizeof(*w));
    rng_seeded_init(&w->rng, seed);
    /* keys of one to three letters in order: prefixes of each other are common */
    for (int i = 0; i < KEYS; i++)
        if (i % 10 == 0)
            snprintf(w->committed.rows[i].key, 8, "%c", 'A' + i / 10);
        else
            snprintf(w->committed.rows[i].key, 8, "%c%c", 'A' + i / 10, 'a' + i % 10);
    for (int n = 0; n < TXNS; n++) {
        w->drop = draw(w, 5) == 0;
        assert_int_equal(store_txn_run(f->s, part_a, random_txn, w), w->drop ? 1 : 0);
        if (!w->drop)
            w->committed = w->now;
        if (draw(w, 40) == 0)
            fixture_reopen(f);
        struct store_snap *snap;
        struct scan s;
        w->now = w->committed;
        scan_draw(w, &s);
        assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
        assert_int_equal(store_snap_scan(snap, s.prefix, s.from, s.reverse, &s.it), 0);
        compare(s.it, &w->committed, s.prefix, s.from, s.reverse);
        store_snap_close(snap);
    }
    free(w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_transactions_agree_with_the_model, fixture_setup,
                                        fixture_teardown),
    };
    if (argc > 1)
        fixture_engine = argv[1];
    if (argc > 2 && !span_to_u64(span_str(argv[2]), &seed))
        return 2;
    return cmocka_run_group_tests_name(fixture_engine, tests, NULL, NULL);
}
