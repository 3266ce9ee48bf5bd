/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <ftw.h>
#include <unistd.h>

const char *fixture_engine = "sim";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void folder_remove(const char *path)
{
    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void fixture_open(struct fixture *f)
{
    struct store_options options = {.clock = &f->clock.clock,
                                    .rng = rng_system(),
                                    .create = true,
                                    .reserve_bytes = f->reserve_bytes};
    if (f->disk != NULL) {
        assert_int_equal(sim_store_open(f->disk, &options, NULL, &f->s), 0);
        return;
    }
    char url[96];
    snprintf(url, sizeof(url), "rocksdb:%s/store", f->folder);
    struct buf why;
    buf_init(&why, 4096);
    int rc = store_open(url, &options, &why, &f->s);
    if (rc != 0)
        fail_msg("%s: %.*s", err_name(rc), SPAN_ARG(buf_span(&why)));
    buf_done(&why);
}

void fixture_reopen(struct fixture *f)
{
    store_close(f->s);
    f->s = NULL;
    fixture_open(f);
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    clock_fake_init(&f->clock, 1780000000000);
    f->a = arena_new(256 * 1024 * 1024);
    if (strcmp(fixture_engine, "sim") == 0) {
        f->disk = sim_disk_new(42);
        assert_non_null(f->disk);
    } else {
        snprintf(f->folder, sizeof(f->folder), "/tmp/mailstead-store-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
    }
    fixture_open(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->s);
    sim_disk_free(f->disk);
    arena_free(f->a);
    if (f->folder[0] != '\0')
        folder_remove(f->folder);
    free(f);
    return 0;
}

struct single {
    bool del;
    struct span key, value;
};

static int single_run(struct store_txn *t, void *arg)
{
    const struct single *s = arg;
    if (s->del)
        store_txn_del(t, s->key);
    else
        store_txn_put(t, s->key, s->value);
    return 0;
}

int put(struct fixture *f, struct part part, struct span key, struct span value)
{
    struct single s = {.key = key, .value = value};
    return store_txn_run(f->s, part, single_run, &s);
}

int del(struct fixture *f, struct part part, struct span key)
{
    struct single s = {.del = true, .key = key};
    return store_txn_run(f->s, part, single_run, &s);
}

struct span get(struct fixture *f, struct part part, struct span key)
{
    struct store_snap *snap;
    struct span value = SPAN_EMPTY;
    assert_int_equal(store_snap_open(f->s, part, &snap), 0);
    int rc = store_snap_get(snap, key, f->a, &value);
    store_snap_close(snap);
    if (rc == ERR_NOT_FOUND)
        return SPAN_EMPTY;
    assert_int_equal(rc, 0);
    return value.p != NULL ? value : SPAN("");
}

struct span
list(struct fixture *f, struct part part, struct span prefix, struct span from, bool reverse)
{
    struct store_snap *snap;
    struct store_iter *it;
    struct span k, v, all = SPAN("");
    assert_int_equal(store_snap_open(f->s, part, &snap), 0);
    assert_int_equal(store_snap_scan(snap, prefix, from, reverse, &it), 0);
    int rc;
    while ((rc = store_iter_next(it, &k, &v)) == 1 || rc == ERR_CORRUPT)
        all = rc == 1 ? arena_printf(f->a, "%.*s%s%.*s=%.*s", SPAN_ARG(all), all.n > 0 ? " " : "",
                                     SPAN_ARG(k), SPAN_ARG(v))
                      : arena_printf(f->a, "%.*s%s!", SPAN_ARG(all), all.n > 0 ? " " : "");
    assert_int_equal(rc, 0);
    store_iter_close(it);
    store_snap_close(snap);
    return all;
}

struct span content_make(struct arena *a, size_t n, uint64_t seed)
{
    char *p = arena_alloc(a, n > 0 ? n : 1);
    assert_non_null(p);
    uint64_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        p[i] = (char)(x >> 56);
    }
    return span_of(p, n);
}

struct blob_id blob_put(struct fixture *f, struct span content)
{
    struct blob_writer *w;
    struct blob_id id;
    struct blob_info info;
    assert_int_equal(store_blob_create(f->s, &w), 0);
    for (struct span rest = content; rest.n > 0; rest = span_from(rest, 60000))
        assert_int_equal(store_blob_write(w, span_slice(rest, 0, 60000)), 0);
    assert_int_equal(store_blob_finish(w, &id, &info), 0);
    assert_int_equal(info.size, content.n);
    return id;
}

struct link_call {
    struct blob_id id;
    uint64_t tag;
    bool link;
};

static int link_run(struct store_txn *t, void *arg)
{
    const struct link_call *c = arg;
    if (c->link)
        store_txn_blob_link(t, c->id, c->tag);
    else
        store_txn_blob_unlink(t, c->id, c->tag);
    return 0;
}

int blob_link(struct fixture *f, struct part part, struct blob_id id, uint64_t tag)
{
    struct link_call c = {.id = id, .tag = tag, .link = true};
    return store_txn_run(f->s, part, link_run, &c);
}

int blob_unlink(struct fixture *f, struct part part, struct blob_id id, uint64_t tag)
{
    struct link_call c = {.id = id, .tag = tag};
    return store_txn_run(f->s, part, link_run, &c);
}

int blob_compare(struct fixture *f, struct blob_id id, struct span content, size_t step)
{
    struct blob_reader *r;
    struct blob_info info;
    int rc = store_blob_open(f->s, id, &r, &info);
    if (rc != 0)
        return rc;
    assert_int_equal(info.size, content.n);
    struct buf b;
    buf_init(&b, step);
    uint64_t at = 0;
    do {
        buf_clear(&b);
        rc = store_blob_read(r, at, step, &b);
        if (rc == 0 && !span_eq(buf_span(&b), span_slice(content, at, step)))
            rc = ERR_INVALID;
        at += step;
    } while (rc == 0 && at < content.n);
    if (rc == 0)
        rc = store_blob_read(r, content.n, 10, &b);
    buf_done(&b);
    store_blob_close(r);
    return rc;
}

int open_again(struct fixture *f, bool create, struct buf *why, struct store **out)
{
    char url[96];
    struct store_options options = {
        .clock = &f->clock.clock, .rng = rng_system(), .create = create};
    snprintf(url, sizeof(url), "rocksdb:%s/store", f->folder);
    return store_open(url, &options, why, out);
}

char *path_of(struct fixture *f, const char *name)
{
    struct span s = arena_printf(f->a, "%s/%s%c", f->folder, name, 0);
    return arena_cstr(f->a, span_slice(s, 0, s.n - 1));
}
