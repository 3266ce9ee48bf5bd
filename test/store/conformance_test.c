/* SPDX-License-Identifier: Apache-2.0 */
/* What every engine must do: the promises of store.h, one by one.  conformance_test sim|rocksdb */
#include "fixture.h"

#include "base/limits.h"
#include "base/metrics.h"

/* ---- records ----------------------------------------------------------------------------- */

static void writes_are_there_and_survive_reopening(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    assert_int_equal(put(f, part_a, SPAN("empty"), SPAN_EMPTY), 0);
    assert_int_equal(put(f, part_a, SPAN_EMPTY, SPAN("of the empty key")), 0);
    assert_int_equal(put(f, part_b, SPAN("k"), SPAN("other")), 0);
    fixture_reopen(f);
    assert_true(span_eq(get(f, part_a, SPAN("k")), SPAN("v")));
    assert_true(span_eq(get(f, part_b, SPAN("k")), SPAN("other")));
    assert_non_null(get(f, part_a, SPAN("empty")).p);
    assert_true(span_eq(get(f, part_a, SPAN_EMPTY), SPAN("of the empty key")));
    assert_int_equal(del(f, part_a, SPAN("k")), 0);
    assert_int_equal(del(f, part_a, SPAN("k")), 0);
    assert_null(get(f, part_a, SPAN("k")).p);
    assert_non_null(get(f, part_b, SPAN("k")).p);
}

static int fail_after_writing(struct store_txn *t, void *arg)
{
    store_txn_put(t, SPAN("x"), SPAN("1"));
    return *(int *)arg;
}

static void a_txn_that_returns_an_error_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    int errors[] = {ERR_QUOTA, 5, ERR_CONFLICT};
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        assert_int_equal(store_txn_run(f->s, part_a, fail_after_writing, &errors[i]), errors[i]);
    assert_null(get(f, part_a, SPAN("x")).p);
}

static void scans_know_prefix_from_and_direction(void **state)
{
    struct fixture *f = *state;
    const char *keys[] = {"a", "b", "ba", "bb", "bc", "b\xff", "b\xff\xff", "c"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_int_equal(put(f, part_a, span_str(keys[i]), SPAN("1")), 0);
    assert_int_equal(put(f, (struct part){PART_ACCOUNT, 6}, SPAN("zz"), SPAN("1")), 0);
    assert_int_equal(put(f, part_b, SPAN(""), SPAN("1")), 0);
    struct {
        struct span prefix, from;
        bool reverse;
        const char *want;
    } cases[] = {
        {SPAN_EMPTY, SPAN_EMPTY, false, "a=1 b=1 ba=1 bb=1 bc=1 b\xff=1 b\xff\xff=1 c=1"},
        {SPAN_EMPTY, SPAN_EMPTY, true, "c=1 b\xff\xff=1 b\xff=1 bc=1 bb=1 ba=1 b=1 a=1"},
        {SPAN("b"), SPAN_EMPTY, false, "b=1 ba=1 bb=1 bc=1 b\xff=1 b\xff\xff=1"},
        {SPAN("b"), SPAN_EMPTY, true, "b\xff\xff=1 b\xff=1 bc=1 bb=1 ba=1 b=1"},
        {SPAN("b"), SPAN("bb"), false, "bb=1 bc=1 b\xff=1 b\xff\xff=1"},
        {SPAN("b"), SPAN("bb"), true, "bb=1 ba=1 b=1"},
        {SPAN("b"), SPAN("bbb"), false, "bc=1 b\xff=1 b\xff\xff=1"},
        {SPAN("b"), SPAN("bbb"), true, "bb=1 ba=1 b=1"},
        {SPAN("b\xff"), SPAN_EMPTY, false, "b\xff=1 b\xff\xff=1"},
        {SPAN("b\xff\xff"), SPAN_EMPTY, true, "b\xff\xff=1"},
        {SPAN("d"), SPAN_EMPTY, false, ""},
        {SPAN("d"), SPAN_EMPTY, true, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span got = list(f, part_a, cases[i].prefix, cases[i].from, cases[i].reverse);
        if (!span_eq(got, span_str(cases[i].want)))
            fail_msg("case %zu: %.*s", i, SPAN_ARG(got));
    }
    struct store_snap *snap;
    struct store_iter *it;
    assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
    assert_int_equal(store_snap_scan(snap, SPAN("b"), SPAN("c"), false, &it), ERR_INVALID);
    store_snap_close(snap);
}

static void expect_entry(struct store_iter *it, const char *key, const char *value)
{
    struct span k, v;
    assert_int_equal(store_iter_next(it, &k, &v), 1);
    assert_true(span_eq(k, span_str(key)));
    assert_true(span_eq(v, span_str(value)));
}

static void expect_end(struct store_iter *it)
{
    struct span k, v;
    assert_int_equal(store_iter_next(it, &k, &v), 0);
    assert_int_equal(store_iter_next(it, &k, &v), 0);
    store_iter_close(it);
}

static int own_writes(struct store_txn *t, void *arg)
{
    (void)arg;
    struct store_iter *forward, *back, *early;
    struct span v;
    assert_int_equal(store_txn_scan(t, SPAN("m"), SPAN_EMPTY, false, &early), 0);
    store_txn_put(t, SPAN("m2"), SPAN("new"));
    store_txn_put(t, SPAN("m3"), SPAN("changed"));
    store_txn_del(t, SPAN("m1"));
    store_txn_del(t, SPAN("m9"));
    store_txn_put(t, SPAN("m0"), SPAN("first"));
    store_txn_put(t, SPAN("m0"), SPAN("second"));
    store_txn_put(t, SPAN("n"), SPAN("outside"));
    assert_int_equal(store_txn_get(t, SPAN("m0"), &v), 0);
    assert_true(span_eq(v, SPAN("second")));
    assert_int_equal(store_txn_get(t, SPAN("m1"), &v), ERR_NOT_FOUND);
    assert_int_equal(store_txn_get(t, SPAN("m5"), &v), 0);
    assert_int_equal(store_txn_scan(t, SPAN("m"), SPAN_EMPTY, false, &forward), 0);
    assert_int_equal(store_txn_scan(t, SPAN("m"), SPAN("m3"), true, &back), 0);
    expect_entry(forward, "m0", "second");
    store_txn_put(t, SPAN("m0"), SPAN("third")); /* not seen by scans that are open */
    store_txn_put(t, SPAN("m21"), SPAN("late"));
    store_txn_del(t, SPAN("m5"));
    expect_entry(forward, "m2", "new");
    expect_entry(forward, "m3", "changed");
    expect_entry(forward, "m5", "five");
    expect_end(forward);
    expect_entry(back, "m3", "changed");
    expect_entry(back, "m2", "new");
    expect_entry(back, "m0", "second");
    expect_end(back);
    expect_entry(early, "m1", "one");
    expect_entry(early, "m3", "three");
    expect_entry(early, "m5", "five");
    expect_entry(early, "m9", "nine");
    expect_end(early);
    return 0;
}

static void a_txn_sees_its_own_writes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, part_a, SPAN("m1"), SPAN("one")), 0);
    assert_int_equal(put(f, part_a, SPAN("m3"), SPAN("three")), 0);
    assert_int_equal(put(f, part_a, SPAN("m5"), SPAN("five")), 0);
    assert_int_equal(put(f, part_a, SPAN("m9"), SPAN("nine")), 0);
    assert_int_equal(store_txn_run(f->s, part_a, own_writes, NULL), 0);
    struct span all = list(f, part_a, SPAN_EMPTY, SPAN_EMPTY, false);
    assert_true(span_eq(all, SPAN("m0=third m2=new m21=late m3=changed n=outside")));
}

static void a_snapshot_does_not_move(void **state)
{
    struct fixture *f = *state;
    struct store_snap *snap;
    struct store_iter *it;
    struct span v;
    assert_int_equal(put(f, part_a, SPAN("a"), SPAN("1")), 0);
    assert_int_equal(put(f, part_a, SPAN("b"), SPAN("1")), 0);
    assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
    assert_int_equal(put(f, part_a, SPAN("a"), SPAN("2")), 0);
    assert_int_equal(del(f, part_a, SPAN("b")), 0);
    assert_int_equal(put(f, part_a, SPAN("c"), SPAN("2")), 0);
    assert_int_equal(store_snap_get(snap, SPAN("a"), f->a, &v), 0);
    assert_true(span_eq(v, SPAN("1")));
    assert_int_equal(store_snap_get(snap, SPAN("c"), f->a, &v), ERR_NOT_FOUND);
    assert_int_equal(store_snap_scan(snap, SPAN_EMPTY, SPAN_EMPTY, false, &it), 0);
    expect_entry(it, "a", "1");
    expect_entry(it, "b", "1");
    expect_end(it);
    store_snap_close(snap);
}

/* ---- limits ------------------------------------------------------------------------------ */

static int write_much(struct store_txn *t, void *arg)
{
    struct span value = *(struct span *)arg;
    for (int i = 0; i < 17; i++) {
        char key[1] = {(char)i};
        store_txn_put(t, span_of(key, 1), value);
    }
    return 0;
}

static void limits_are_errors(void **state)
{
    struct fixture *f = *state;
    struct span big = content_make(f->a, LIMIT_STORE_VALUE + 1, 1);
    struct span at_limit = span_slice(big, 0, LIMIT_STORE_VALUE);
    struct span long_key = span_slice(big, 0, LIMIT_STORE_KEY + 1);
    struct span key = span_slice(big, 0, LIMIT_STORE_KEY);
    assert_int_equal(put(f, part_a, SPAN("k"), big), ERR_TOO_BIG);
    assert_int_equal(put(f, part_a, long_key, SPAN("v")), ERR_TOO_BIG);
    assert_int_equal(del(f, part_a, long_key), ERR_TOO_BIG);
    assert_int_equal(store_txn_run(f->s, part_a, write_much, &at_limit), ERR_TOO_BIG);
    assert_true(span_eq(list(f, part_a, SPAN_EMPTY, SPAN_EMPTY, false), SPAN("")));
    assert_int_equal(put(f, part_a, key, at_limit), 0);
    assert_true(span_eq(get(f, part_a, key), at_limit));
    struct store_snap *snap;
    struct store_iter *it;
    struct span v;
    assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
    assert_int_equal(store_snap_get(snap, long_key, f->a, &v), ERR_TOO_BIG);
    assert_int_equal(store_snap_scan(snap, long_key, SPAN_EMPTY, false, &it), ERR_TOO_BIG);
    assert_int_equal(store_snap_scan(snap, key, SPAN_EMPTY, true, &it), 0);
    assert_int_equal(store_iter_next(it, &v, &v), 1);
    store_iter_close(it);
    store_snap_close(snap);
}

/* ---- partitions -------------------------------------------------------------------------- */

struct ids {
    uint64_t v[16];
    size_t n, stop_after;
};

static int visit(void *arg, struct part part)
{
    struct ids *ids = arg;
    assert_int_equal(part.kind, PART_ACCOUNT);
    ids->v[ids->n++] = part.id;
    return ids->n == ids->stop_after ? 77 : 0;
}

static void partitions_are_listed(void **state)
{
    struct fixture *f = *state;
    const uint64_t have[] = {1, 2, 300, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(have); i++)
        for (int n = 0; n < 3; n++) {
            struct span key = arena_printf(f->a, "%d", n);
            assert_int_equal(put(f, (struct part){PART_ACCOUNT, have[i]}, key, SPAN("1")), 0);
        }
    assert_int_equal(put(f, (struct part){PART_AUTH, 9}, SPAN("k"), SPAN("1")), 0);
    assert_int_equal(put(f, (struct part){PART_QUEUE, 0}, SPAN("k"), SPAN("1")), 0);
    struct ids ids = {0};
    assert_int_equal(store_parts(f->s, PART_ACCOUNT, 0, visit, &ids), 0);
    assert_int_equal(ids.n, COUNT_OF(have));
    assert_memory_equal(ids.v, have, sizeof(have));
    ids = (struct ids){.stop_after = 2};
    assert_int_equal(store_parts(f->s, PART_ACCOUNT, 2, visit, &ids), 77);
    assert_int_equal(ids.v[0], 2);
    assert_int_equal(ids.v[1], 300);
}

static void a_destroyed_partition_takes_its_links_along(void **state)
{
    struct fixture *f = *state;
    struct span content = content_make(f->a, 5000, 3);
    struct blob_id mine[3], shared = blob_put(f, content);
    for (int i = 0; i < 3; i++) {
        mine[i] = blob_put(f, content);
        assert_int_equal(blob_link(f, part_a, mine[i], (uint64_t)i), 0);
    }
    assert_int_equal(blob_link(f, part_a, shared, 9), 0);
    assert_int_equal(blob_link(f, part_b, shared, 9), 0);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    assert_int_equal(put(f, part_b, SPAN("k"), SPAN("v")), 0);
    assert_int_equal(store_part_destroy(f->s, part_a), 0);
    assert_int_equal(store_part_destroy(f->s, part_a), 0);
    assert_true(span_eq(list(f, part_a, SPAN_EMPTY, SPAN_EMPTY, false), SPAN("")));
    assert_true(span_eq(list(f, part_b, SPAN_EMPTY, SPAN_EMPTY, false), SPAN("k=v")));
    clock_fake_advance(&f->clock, 10);
    size_t removed;
    assert_int_equal(store_collect(f->s, 5, 100, &removed), 0);
    assert_int_equal(removed, 3);
    assert_int_equal(store_blob_verify(f->s, mine[1]), ERR_NOT_FOUND);
    assert_int_equal(store_blob_verify(f->s, shared), 0);
    struct ids ids = {0};
    assert_int_equal(store_parts(f->s, PART_ACCOUNT, 0, visit, &ids), 0);
    assert_int_equal(ids.n, 1);
}

static void destroying_many_links_takes_several_steps(void **state)
{
    struct fixture *f = *state;
    for (uint64_t tag = 0; tag < 450; tag++)
        assert_int_equal(blob_link(f, part_a, blob_put(f, SPAN("x")), tag), 0);
    assert_int_equal(store_part_destroy(f->s, part_a), 0);
    clock_fake_advance(&f->clock, 10);
    size_t removed;
    assert_int_equal(store_collect(f->s, 5, 400, &removed), 0);
    assert_int_equal(removed, 400);
    assert_int_equal(store_collect(f->s, 5, 400, &removed), 0);
    assert_int_equal(removed, 50);
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.blobs, 0);
    assert_int_equal(check.problems, 0);
}

/* ---- blobs ------------------------------------------------------------------------------- */

static void blobs_of_all_sizes_come_back(void **state)
{
    struct fixture *f = *state;
    const size_t sizes[] = {0, 1, 4095, 65536, 131072, 131073, 1048575, 1048576, 1048577, 3 << 20};
    struct blob_id ids[COUNT_OF(sizes)];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct span content = content_make(f->a, sizes[i], i);
        ids[i] = blob_put(f, content);
        assert_int_equal(blob_compare(f, ids[i], content, 50000), 0); /* before it is linked */
        assert_int_equal(blob_link(f, part_a, ids[i], i), 0);
        assert_int_equal(blob_compare(f, ids[i], content, 700001), 0);
        assert_int_equal(store_blob_verify(f->s, ids[i]), 0);
    }
    fixture_reopen(f);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct span content = content_make(f->a, sizes[i], i);
        struct blob_reader *r;
        assert_int_equal(store_blob_open(f->s, ids[i], &r, NULL), 0);
        assert_int_equal(store_blob_check(r), 0);
        store_blob_close(r);
        assert_int_equal(blob_compare(f, ids[i], content, 1 << 20), 0);
        assert_int_equal(store_blob_verify(f->s, ids[i]), 0);
    }
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.blobs, COUNT_OF(sizes));
    assert_int_equal(check.problems, 0);
}

static int stop_after(void *left)
{
    return --*(int *)left < 0 ? ERR_CLOSED : 0;
}

static void a_check_stops_when_it_is_told_to(void **state)
{
    struct fixture *f = *state;
    struct store_check check = {0};
    for (uint64_t tag = 0; tag < 3; tag++) /* five chunks each, and their heads and links */
        assert_int_equal(blob_link(f, part_a, blob_put(f, content_make(f->a, 5 << 20, tag)), tag),
                         0);
    int left = 0, asked = 1000;
    assert_int_equal(store_check_until(f->s, NULL, stop_after, &asked, &check), 0);
    assert_int_equal(check.blobs, 3);
    asked = 1000 - asked;
    assert_true(asked > 3 + 2 * 3 + 3 * 5); /* each piece is a place to stop */
    for (int n = 0; n < asked; n++) {
        left = n;
        assert_int_equal(store_check_until(f->s, NULL, stop_after, &left, &check), ERR_CLOSED);
        assert_int_equal(left, -1); /* asked no more */
    }
}

static void a_small_target_buffer_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = blob_put(f, SPAN("0123456789"));
    struct blob_reader *r;
    struct buf b;
    buf_init(&b, 5);
    assert_int_equal(store_blob_open(f->s, id, &r, NULL), 0);
    assert_int_equal(store_blob_read(r, 0, 10, &b), ERR_TOO_BIG);
    buf_clear(&b);
    assert_int_equal(store_blob_read(r, 8, 5, &b), 0);
    assert_true(span_eq(buf_span(&b), SPAN("89")));
    store_blob_close(r);
    buf_done(&b);
}

static int link_and_fail(struct store_txn *t, void *arg)
{
    store_txn_blob_link(t, *(struct blob_id *)arg, 1);
    return ERR_QUOTA;
}

static void a_failed_link_leaves_the_blob_linkable(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = blob_put(f, SPAN("hello"));
    assert_int_equal(store_txn_run(f->s, part_a, link_and_fail, &id), ERR_QUOTA);
    assert_int_equal(blob_compare(f, id, SPAN("hello"), 10), 0);
    assert_int_equal(blob_link(f, part_a, id, 1), 0);
    assert_int_equal(blob_link(f, part_b, id, 1), 0);
    fixture_reopen(f);
    assert_int_equal(blob_compare(f, id, SPAN("hello"), 10), 0);
}

static void links_to_nothing_are_refused(void **state)
{
    struct fixture *f = *state;
    struct blob_id nothing = {{1, 2, 3}};
    struct blob_reader *r;
    assert_int_equal(blob_link(f, part_a, nothing, 1), ERR_NOT_FOUND);
    assert_int_equal(store_blob_open(f->s, nothing, &r, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_blob_verify(f->s, nothing), ERR_NOT_FOUND);
    assert_int_equal(blob_unlink(f, part_a, nothing, 1), 0);
}

static size_t collect(struct fixture *f, int64_t later_ms)
{
    size_t removed = 99;
    clock_fake_advance(&f->clock, later_ms);
    assert_int_equal(store_collect(f->s, 1000, 1000, &removed), 0);
    return removed;
}

static void the_collector_takes_what_has_no_link(void **state)
{
    struct fixture *f = *state;
    struct span big = content_make(f->a, 3000000, 5);
    struct blob_id small_loose = blob_put(f, SPAN("loose"));
    struct blob_id big_loose = blob_put(f, big);
    struct blob_id small_linked = blob_put(f, SPAN("linked"));
    struct blob_id big_linked = blob_put(f, big);
    assert_int_equal(blob_link(f, part_a, small_linked, 1), 0);
    assert_int_equal(blob_link(f, part_a, small_linked, 1), 0); /* the same link twice is one */
    assert_int_equal(blob_link(f, part_b, small_linked, 1), 0);
    assert_int_equal(blob_link(f, part_a, big_linked, 2), 0);
    assert_int_equal(collect(f, 500), 0); /* younger than the grace time */
    assert_int_equal(collect(f, 2000), 2);
    assert_int_equal(store_blob_verify(f->s, small_loose), ERR_NOT_FOUND);
    assert_int_equal(store_blob_verify(f->s, big_loose), ERR_NOT_FOUND);
    assert_int_equal(store_blob_verify(f->s, big_linked), 0);
    assert_int_equal(blob_unlink(f, part_a, small_linked, 1), 0);
    assert_int_equal(collect(f, 2000), 0); /* part_b has it still */
    assert_int_equal(store_blob_verify(f->s, small_linked), 0);
    assert_int_equal(blob_unlink(f, part_b, small_linked, 1), 0);
    assert_int_equal(store_blob_verify(f->s, small_linked), 0); /* until collected */
    assert_int_equal(blob_link(f, part_b, small_linked, 7), 0); /* and may be linked again */
    assert_int_equal(collect(f, 2000), 0);
    assert_int_equal(blob_unlink(f, part_b, small_linked, 7), 0);
    assert_int_equal(blob_unlink(f, part_a, big_linked, 2), 0);
    assert_int_equal(collect(f, 2000), 2);
    assert_int_equal(collect(f, 2000), 0);
    assert_int_equal(blob_link(f, part_a, small_linked, 1), ERR_NOT_FOUND);
    struct store_check check;
    assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
    assert_int_equal(check.blobs, 0);
    assert_int_equal(check.problems, 0);
}

static void the_collector_leaves_blobs_being_written_alone(void **state)
{
    struct fixture *f = *state;
    struct span content = content_make(f->a, 3 << 20, 6);
    struct blob_writer *w, *abandoned;
    struct blob_id id;
    struct blob_info info;
    assert_int_equal(store_blob_create(f->s, &w), 0);
    assert_int_equal(store_blob_create(f->s, &abandoned), 0);
    assert_int_equal(store_blob_write(w, span_slice(content, 0, 2 << 20)), 0);
    assert_int_equal(store_blob_write(abandoned, content), 0);
    assert_int_equal(collect(f, 100000), 0);
    store_blob_abandon(abandoned);
    assert_int_equal(collect(f, 1), 1);
    assert_int_equal(store_blob_write(w, span_from(content, 2 << 20)), 0);
    assert_int_equal(store_blob_finish(w, &id, &info), 0);
    assert_int_equal(blob_link(f, part_a, id, 1), 0);
    assert_int_equal(blob_compare(f, id, content, 1 << 20), 0);
    assert_int_equal(collect(f, 100000), 0);
    assert_int_equal(store_blob_verify(f->s, id), 0);
}

static int link_unlink_link(struct store_txn *t, void *arg)
{
    struct blob_id *ids = arg;
    store_txn_blob_link(t, ids[0], 1);
    store_txn_blob_unlink(t, ids[0], 1);
    store_txn_blob_unlink(t, ids[1], 1);
    store_txn_blob_link(t, ids[1], 1);
    store_txn_blob_link(t, ids[1], 2);
    return 0;
}

static void the_last_word_about_a_link_counts(void **state)
{
    struct fixture *f = *state;
    struct blob_id ids[2] = {blob_put(f, SPAN("a")), blob_put(f, SPAN("b"))};
    assert_int_equal(store_txn_run(f->s, part_a, link_unlink_link, ids), 0);
    collect(f, 100000);
    assert_int_equal(store_blob_verify(f->s, ids[0]), ERR_NOT_FOUND);
    assert_int_equal(store_blob_verify(f->s, ids[1]), 0);
}

/* More small bodies than fit the memory for them: the rest is written at once, and all can be
 * linked. */
static void many_unlinked_blobs_have_a_bound(void **state)
{
    struct fixture *f = *state;
    struct span content = content_make(f->a, 128 * 1024, 8);
    enum { COUNT = LIMIT_STORE_PENDING / (128 * 1024) + 20 };
    struct blob_id *ids = arena_array(f->a, COUNT, sizeof(*ids));
    for (size_t i = 0; i < COUNT; i++)
        ids[i] = blob_put(f, content);
    assert_int_equal(blob_compare(f, ids[COUNT - 1], content, 1 << 17), 0);
    assert_int_equal(blob_link(f, part_a, ids[0], 1), 0);
    assert_int_equal(blob_link(f, part_a, ids[COUNT - 1], 2), 0);
    assert_int_equal(collect(f, 100000), COUNT - 2);
    assert_int_equal(store_blob_verify(f->s, ids[0]), 0);
    assert_int_equal(store_blob_verify(f->s, ids[COUNT - 1]), 0);
}

/* ---- watches, leases ---------------------------------------------------------------------- */

static void count_call(void *arg, struct part part)
{
    assert_int_equal(part.id, part_a.id);
    ++*(int *)arg;
}

static int read_only(struct store_txn *t, void *arg)
{
    struct span v;
    (void)arg;
    return store_txn_get(t, SPAN("none"), &v) == ERR_NOT_FOUND ? 0 : ERR_INVALID;
}

static void watches_fire_after_commits(void **state)
{
    struct fixture *f = *state;
    struct store_watch *w1, *w2;
    int calls1 = 0, calls2 = 0, rc = ERR_QUOTA;
    assert_int_equal(store_watch(f->s, part_a, count_call, &calls1, &w1), 0);
    assert_int_equal(store_watch(f->s, part_a, count_call, &calls2, &w2), 0);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    assert_int_equal(put(f, part_b, SPAN("k"), SPAN("v")), 0);
    assert_int_equal(store_txn_run(f->s, part_a, fail_after_writing, &rc), ERR_QUOTA);
    assert_int_equal(store_txn_run(f->s, part_a, read_only, NULL), 0);
    assert_int_equal(calls1, 1);
    assert_int_equal(calls2, 1);
    store_unwatch(w1);
    assert_int_equal(store_part_destroy(f->s, part_a), 0);
    assert_int_equal(calls1, 1);
    assert_int_equal(calls2, 2);
    store_unwatch(w2);
    store_unwatch(NULL);
}

static void leases_have_one_holder_until_they_end(void **state)
{
    struct fixture *f = *state;
    struct span name = SPAN("queue/3"), one = SPAN("one"), two = SPAN("two");
    assert_int_equal(store_lease_take(f->s, name, one, 1000), 0);
    assert_int_equal(store_lease_take(f->s, name, two, 1000), ERR_IN_USE);
    assert_int_equal(store_lease_take(f->s, SPAN("other"), two, 1000), 0);
    clock_fake_advance(&f->clock, 900);
    assert_int_equal(store_lease_take(f->s, name, one, 1000), 0); /* renewed */
    clock_fake_advance(&f->clock, 900);
    assert_int_equal(store_lease_take(f->s, name, two, 1000), ERR_IN_USE);
    fixture_reopen(f);
    assert_int_equal(store_lease_take(f->s, name, two, 1000), ERR_IN_USE);
    clock_fake_advance(&f->clock, 100);
    assert_int_equal(store_lease_take(f->s, name, two, 1000), 0);
    assert_int_equal(store_lease_drop(f->s, name, one), 0); /* not his: nothing happens */
    assert_int_equal(store_lease_take(f->s, name, one, 1000), ERR_IN_USE);
    assert_int_equal(store_lease_drop(f->s, name, two), 0);
    assert_int_equal(store_lease_take(f->s, name, one, 1000), 0);
    clock_fake_advance(&f->clock, -3600 * 1000); /* the clock was wrong and is put right */
    assert_int_equal(store_lease_take(f->s, name, two, 1000), 0);
    assert_int_equal(store_lease_take(f->s, SPAN(""), two, 1000), ERR_INVALID);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void bad_urls_are_refused_with_a_sentence(void **state)
{
    struct fixture *f = *state;
    struct store_options options = {.clock = &f->clock.clock, .rng = rng_system()};
    const char *urls[] = {"", "rocksdb:", "rocksdb:relative", "mysql:/x", "sim", "sim:x"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct store *s;
        struct buf why;
        buf_init(&why, 1000);
        assert_int_equal(store_open(urls[i], &options, &why, &s), ERR_INVALID);
        assert_true(why.n > 10);
        buf_done(&why);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(writes_are_there_and_survive_reopening),
        T(a_txn_that_returns_an_error_leaves_nothing),
        T(scans_know_prefix_from_and_direction),
        T(a_txn_sees_its_own_writes),
        T(a_snapshot_does_not_move),
        T(limits_are_errors),
        T(partitions_are_listed),
        T(a_destroyed_partition_takes_its_links_along),
        T(destroying_many_links_takes_several_steps),
        T(blobs_of_all_sizes_come_back),
        T(a_check_stops_when_it_is_told_to),
        T(a_small_target_buffer_is_an_error),
        T(a_failed_link_leaves_the_blob_linkable),
        T(links_to_nothing_are_refused),
        T(the_collector_takes_what_has_no_link),
        T(the_collector_leaves_blobs_being_written_alone),
        T(the_last_word_about_a_link_counts),
        T(many_unlinked_blobs_have_a_bound),
        T(watches_fire_after_commits),
        T(leases_have_one_holder_until_they_end),
        T(bad_urls_are_refused_with_a_sentence),
    };
    if (argc > 1)
        fixture_engine = argv[1];
    return cmocka_run_group_tests_name(fixture_engine, tests, NULL, NULL);
}
