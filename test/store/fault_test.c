/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a disk that fails on purpose (sim.h), and its record decoders. */
#include "fixture.h"

#include "base/limits.h"
#include "store/keys.h"

static void unsynced_writes_are_lost_and_synced_ones_are_not(void **state)
{
    struct fixture *f = *state;
    struct span big = content_make(f->a, 3 << 20, 1);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    struct blob_id linked = blob_put(f, big);
    assert_int_equal(blob_link(f, part_a, linked, 1), 0);
    assert_int_equal(sim_unsynced(f->disk), 0); /* the link's commit covered the chunks before it */
    for (uint64_t keep = 0; keep < 4; keep++) {
        struct blob_id loose = blob_put(f, big), small = blob_put(f, SPAN("small"));
        assert_int_equal(sim_unsynced(f->disk), 4); /* three chunks and the head */
        sim_crash(f->disk, keep);
        assert_int_equal(put(f, part_a, SPAN("k"), SPAN("w")), ERR_SHUTDOWN);
        fixture_reopen(f);
        assert_true(span_eq(get(f, part_a, SPAN("k")), SPAN("v")));
        assert_int_equal(store_blob_verify(f->s, linked), 0);
        assert_int_equal(store_blob_verify(f->s, loose), ERR_NOT_FOUND);
        assert_int_equal(store_blob_verify(f->s, small), ERR_NOT_FOUND);
        assert_int_equal(blob_link(f, part_a, loose, 2), ERR_NOT_FOUND);
        size_t removed;
        clock_fake_advance(&f->clock, 1000);
        assert_int_equal(store_collect(f->s, 10, 100, &removed), 0);
        assert_int_equal(removed, keep > 0 ? 1 : 0); /* what was left of it */
        struct store_check check;
        assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
        assert_int_equal(check.problems, 0);
        assert_int_equal(check.blobs, 1);
        assert_int_equal(check.blob_bytes, big.n);
        fixture_reopen(f); /* collecting is not synced; an orderly end is */
    }
}

static void power_lost_during_a_commit_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    for (int landed = 0; landed < 2; landed++) {
        struct blob_id id = blob_put(f, SPAN("body"));
        sim_crash_at_commit(f->disk, 1, landed != 0);
        assert_int_equal(blob_link(f, part_a, id, 1), ERR_SHUTDOWN);
        fixture_reopen(f);
        assert_int_equal(store_blob_verify(f->s, id), landed != 0 ? 0 : ERR_NOT_FOUND);
        struct store_check check;
        assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
        assert_int_equal(check.problems, 0);
    }
}

static void a_failed_commit_is_invisible_and_can_be_repeated(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = blob_put(f, SPAN("body"));
    sim_fail(f->disk, SIM_COMMIT, 1, ERR_IO, false);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), ERR_IO);
    assert_null(get(f, part_a, SPAN("k")).p);
    sim_fail(f->disk, SIM_COMMIT, 1, ERR_IO, false);
    assert_int_equal(blob_link(f, part_a, id, 1), ERR_IO);
    assert_int_equal(blob_compare(f, id, SPAN("body"), 10), 0);
    assert_int_equal(blob_link(f, part_a, id, 1), 0);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
}

/* Every read in turn fails: the error comes out, nothing leaks, nothing is written. */
static void every_failing_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = blob_put(f, content_make(f->a, 200000, 1));
    int rc = ERR_IO;
    uint64_t n = 0;
    while (rc != 0) {
        assert_true(++n < 50);
        sim_fail(f->disk, SIM_READ, n, ERR_IO, true);
        rc = blob_link(f, part_a, id, 1);
        assert_true(rc == 0 || rc == ERR_IO);
        sim_fail(f->disk, SIM_READ, 0, 0, false);
    }
    assert_true(n > 2);
    for (n = 1, rc = ERR_IO; rc != 0; n++) {
        struct store_check check;
        assert_true(n < 100);
        sim_fail(f->disk, SIM_READ, n, ERR_IO, false);
        rc = store_check(f->s, NULL, NULL, &check);
        assert_true(rc == 0 || rc == ERR_IO);
        sim_fail(f->disk, SIM_READ, 0, 0, false);
    }
    assert_true(n > 5);
}

struct looker {
    struct sim_disk *disk;
    uint64_t crash_in; /* operations */
    int crashes;
};

static int looker_before(void *arg, enum sim_op op)
{
    struct looker *l = arg;
    (void)op;
    if (l->crash_in > 0 && --l->crash_in == 0)
        sim_crash(l->disk, 0);
    return 0;
}

static void looker_crashed(void *arg)
{
    ((struct looker *)arg)->crashes++;
}

/* Killed at each operation in turn, reads included: what was said to be done is there, and what was
 * not is there whole or not at all. */
static void killed_at_any_operation(void **state)
{
    struct fixture *f = *state;
    struct looker l = {.disk = f->disk};
    struct sim_watcher watcher = {looker_before, looker_crashed, &l};
    struct span contents[2] = {SPAN("small"), content_make(f->a, 200000, 1)};
    for (int i = 0; i < 2; i++) {
        int done = -1;
        for (uint64_t n = 1; done != 0; n++) {
            assert_true(n < 100);
            sim_watch(f->disk, &watcher);
            l = (struct looker){.disk = f->disk, .crash_in = n};
            struct blob_writer *w;
            struct blob_info info;
            struct blob_id id = {{0}};
            assert_int_equal(store_blob_create(f->s, &w), 0);
            done = store_blob_write(w, contents[i]);
            int finished = store_blob_finish(w, &id, &info);
            done = done != 0 ? done : finished;
            if (done == 0)
                done = blob_link(f, part_a, id, n);
            assert_true(done == 0 || done == ERR_SHUTDOWN);
            assert_int_equal(l.crashes, done != 0 ? 1 : 0);
            sim_watch(f->disk, NULL);
            fixture_reopen(f);
            struct store_check check;
            assert_int_equal(store_check(f->s, NULL, NULL, &check), 0);
            assert_int_equal(check.problems, 0);
            assert_int_equal(store_blob_verify(f->s, id), done == 0 ? 0 : ERR_NOT_FOUND);
        }
    }
}

/* Everything fails until the disk is back; then the batch is there whole or not at all. */
static void a_commit_in_doubt_shows_when_the_disk_is_back(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        bool landed = i % 2 != 0, reopen = i >= 2;
        struct span v;
        struct store_snap *snap;
        assert_int_equal(put(f, part_a, SPAN("k"), SPAN("old")), 0);
        sim_fail_in_doubt(f->disk, 1, ERR_DISK_FULL, landed);
        assert_int_equal(put(f, part_a, SPAN("k"), SPAN("new")), ERR_DISK_FULL);
        assert_int_equal(put(f, part_b, SPAN("k"), SPAN("x")), ERR_DISK_FULL);
        assert_int_equal(store_snap_open(f->s, part_a, &snap), ERR_DISK_FULL);
        if (reopen)
            fixture_reopen(f);
        else
            sim_mend(f->disk);
        v = get(f, part_a, SPAN("k"));
        assert_true(span_eq(v, landed ? SPAN("new") : SPAN("old")));
        assert_null(get(f, part_b, SPAN("k")).p);
        sim_crash(f->disk, 0); /* what has shown stays */
        fixture_reopen(f);
        v = get(f, part_a, SPAN("k"));
        assert_true(span_eq(v, landed ? SPAN("new") : SPAN("old")));
    }
}

static void rows_of_bodies_are_counted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    assert_int_equal(sim_body_rows(f->disk), 0);
    struct blob_id id = blob_put(f, SPAN("body"));
    assert_int_equal(blob_link(f, part_a, id, 1), 0);
    assert_int_equal(sim_body_rows(f->disk), 4); /* head, chunk, and its link both ways */
}

static void a_full_disk_takes_deletes_only(void **state)
{
    struct fixture *f = *state;
    struct span kib8 = content_make(f->a, 8192, 1);
    struct blob_id id = blob_put(f, kib8);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("v")), 0);
    assert_int_equal(put(f, part_a, SPAN("old"), SPAN("v")), 0);
    sim_set_free(f->disk, LIMIT_STORE_RESERVE - 1);
    assert_int_equal(store_free_bytes(f->s), LIMIT_STORE_RESERVE - 1);
    assert_int_equal(blob_link(f, part_a, id, 1), ERR_DISK_FULL);
    assert_int_equal(put(f, part_a, SPAN("k"), kib8), ERR_DISK_FULL);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("small")), 0);
    assert_int_equal(del(f, part_a, SPAN("old")), 0);
    sim_set_free(f->disk, 1000);
    assert_int_equal(put(f, part_a, SPAN("k"), SPAN("small too")), ERR_DISK_FULL);
    assert_int_equal(del(f, part_a, SPAN("k")), 0);
    assert_int_equal(store_part_destroy(f->s, part_a), 0);
    sim_set_free(f->disk, UINT64_MAX);
    assert_int_equal(blob_link(f, part_a, id, 1), 0);
    assert_int_equal(store_free_bytes(f->s), 0);
}

static void collect_sentence(void *arg, struct span sentence)
{
    buf_put(arg, sentence);
    buf_putc(arg, '\n');
}

static void damage_is_told_and_hides_nothing(void **state)
{
    struct fixture *f = *state;
    struct span big = content_make(f->a, 2500000, 1), v;
    assert_int_equal(put(f, part_a, SPAN("a"), SPAN("1")), 0);
    assert_int_equal(put(f, part_a, SPAN("b"), SPAN("2")), 0);
    assert_int_equal(put(f, part_a, SPAN("c"), SPAN("3")), 0);
    struct blob_id ids[4];
    for (uint64_t i = 0; i < 4; i++) {
        ids[i] = blob_put(f, big);
        assert_int_equal(blob_link(f, part_a, ids[i], i), 0);
    }
    assert_true(sim_corrupt_record(f->disk, part_a, SPAN("b")));
    assert_true(sim_corrupt_blob(f->disk, ids[0], 1));
    assert_true(sim_lose_chunk(f->disk, ids[1], 2));
    assert_true(sim_corrupt_blob_head(f->disk, ids[2]));
    assert_true(span_eq(list(f, part_a, SPAN_EMPTY, SPAN_EMPTY, false), SPAN("a=1 ! c=3")));
    assert_true(span_eq(list(f, part_a, SPAN_EMPTY, SPAN_EMPTY, true), SPAN("c=3 ! a=1")));
    struct store_snap *snap;
    assert_int_equal(store_snap_open(f->s, part_a, &snap), 0);
    assert_int_equal(store_snap_get(snap, SPAN("b"), f->a, &v), ERR_CORRUPT);
    store_snap_close(snap);
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_blob_verify(f->s, ids[i]), ERR_CORRUPT);
    assert_int_equal(store_blob_verify(f->s, ids[3]), 0);
    struct buf said;
    buf_init(&said, 10000);
    struct store_check check;
    assert_int_equal(store_check(f->s, collect_sentence, &said, &check), 0);
    assert_int_equal(check.problems, 4);
    assert_int_equal(check.blobs, 4);
    assert_true(span_find(buf_span(&said), SPAN("partition 5/7: the record with the key 62")) >= 0);
    buf_done(&said);
    assert_int_equal(put(f, part_a, SPAN("b"), SPAN("new")), 0);
    assert_true(span_eq(list(f, part_a, SPAN("b"), SPAN_EMPTY, false), SPAN("b=new")));
}

/* What cannot be read may be the last link: the body stays, the others are collected. */
static void a_body_whose_only_link_is_damaged_is_kept(void **state)
{
    struct fixture *f = *state;
    struct span big = content_make(f->a, 200000, 1);
    struct span contents[2] = {SPAN("small"), big};
    for (int i = 0; i < 2; i++) {
        struct blob_id id = blob_put(f, contents[i]), loose = blob_put(f, contents[i]);
        assert_int_equal(blob_link(f, part_a, id, 1), 0);
        assert_int_equal(blob_link(f, part_b, id, 2), 0);
        assert_int_equal(blob_link(f, part_a, loose, 3), 0);
        assert_int_equal(blob_unlink(f, part_a, id, 1), 0);
        assert_int_equal(blob_unlink(f, part_a, loose, 3), 0);
        assert_true(sim_unreadable_link(f->disk, id, part_b, 2));
        size_t removed;
        for (int pass = 0; pass < 2; pass++) {
            clock_fake_advance(&f->clock, 1000);
            assert_int_equal(store_collect(f->s, 10, 100, &removed), 0);
            assert_int_equal(removed, pass == 0 ? 1 : 0);
            assert_int_equal(blob_compare(f, id, contents[i], 1000), 0);
        }
        assert_int_equal(store_blob_verify(f->s, loose), ERR_NOT_FOUND);
        assert_int_equal(blob_link(f, part_b, id, 2), 0); /* mended: counts again, and goes again */
        assert_int_equal(blob_unlink(f, part_b, id, 2), 0);
        clock_fake_advance(&f->clock, 1000);
        assert_int_equal(store_collect(f->s, 10, 100, &removed), 0);
        assert_true(removed > 0);
        assert_int_equal(store_blob_verify(f->s, id), ERR_NOT_FOUND);
    }
}

static void a_newer_format_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_options options = {.clock = &f->clock.clock, .rng = rng_system(), .create = true};
    struct store *s;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(sim_store_open(f->disk, &options, NULL, &s), ERR_IN_USE);
    store_close(f->s);
    uint64_t commits = sim_commits(f->disk);
    sim_set_format(f->disk, STORE_FORMAT + 1);
    assert_int_equal(sim_store_open(f->disk, &options, &why, &s), ERR_FORMAT_NEWER);
    assert_true(span_find(buf_span(&why), SPAN("format 4")) > 0);
    assert_int_equal(sim_commits(f->disk), commits);
    sim_set_format(f->disk, STORE_FORMAT);
    fixture_open(f);
    buf_done(&why);
}

static void decoders_refuse_what_contradicts_itself(void **state)
{
    (void)state;
    struct buf b;
    struct blob_head head = {.size = 3000000,
                             .chunk_size = STORE_CHUNK,
                             .chunks = 3,
                             .digest_kind = DIGEST_SHA256},
                     got;
    buf_init(&b, 1000);
    blob_head_pack(&b, &head);
    assert_int_equal(blob_head_unpack(buf_span(&b), &got), 0);
    assert_int_equal(got.chunks, 3);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(blob_head_unpack(span_slice(buf_span(&b), 0, n), &got), ERR_CORRUPT);
    head.chunks = 2;
    buf_clear(&b);
    blob_head_pack(&b, &head);
    assert_int_equal(blob_head_unpack(buf_span(&b), &got), ERR_CORRUPT);
    head = (struct blob_head){.size = 5, .chunk_size = 0, .chunks = 1};
    buf_clear(&b);
    blob_head_pack(&b, &head);
    assert_int_equal(blob_head_unpack(buf_span(&b), &got), ERR_CORRUPT);
    buf_done(&b);
    struct lease_record l = {.taken_ms = 1000, .ttl_ms = 500};
    assert_true(lease_is_held(&l, 1499));
    assert_false(lease_is_held(&l, 1500));
    l.ttl_ms = INT64_MAX;
    assert_true(lease_is_held(&l, INT64_MAX));
    assert_false(lease_is_held(&l, -100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(unsynced_writes_are_lost_and_synced_ones_are_not),
        T(power_lost_during_a_commit_is_all_or_nothing),
        T(a_failed_commit_is_invisible_and_can_be_repeated),
        T(every_failing_read_is_an_error),
        T(killed_at_any_operation),
        T(a_commit_in_doubt_shows_when_the_disk_is_back),
        T(rows_of_bodies_are_counted),
        T(a_full_disk_takes_deletes_only),
        T(damage_is_told_and_hides_nothing),
        T(a_body_whose_only_link_is_damaged_is_kept),
        T(a_newer_format_is_refused),
        cmocka_unit_test(decoders_refuse_what_contradicts_itself),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
