/* SPDX-License-Identifier: Apache-2.0 */
/* The RocksDB engine: snapshots, reads, commits. */
#include "store/rocksdb_impl.h"

#include "base/err.h"

#include <sys/statvfs.h>

enum { VALUE_OWNED = 16 * 1024 }; /* bytes from which on a value is in memory of its own */

rocksdb_readoptions_t *rocksdb_read_new(const rocksdb_snapshot_t *snapshot)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(read, snapshot);
    return read;
}

static int engine_snap_open(struct engine *engine, struct engine_snap **out)
{
    struct engine_rocksdb *e = rocksdb_of(engine);
    struct engine_snap *snap = malloc(sizeof(*snap));
    if (snap == NULL)
        return ERR_NOMEM;
    uint64_t generation;
    int rc = rocksdb_gate_enter(e, &generation);
    if (rc != 0) {
        free(snap);
        return rc;
    }
    snap->snapshot = rocksdb_create_snapshot(e->db);
    snap->read = rocksdb_read_new(snap->snapshot);
    *out = snap;
    return 0;
}

static void engine_snap_close(struct engine *engine, struct engine_snap *snap)
{
    struct engine_rocksdb *e = rocksdb_of(engine);
    rocksdb_readoptions_destroy(snap->read);
    rocksdb_release_snapshot(e->db, snap->snapshot);
    free(snap);
    rocksdb_gate_leave(e);
}

/* ---- get --------------------------------------------------------------------------------- */

static int get_with(struct engine_rocksdb *e,
                    rocksdb_readoptions_t *read,
                    enum engine_cf cf,
                    struct span key,
                    struct engine_value *out)
{
    char *err = NULL;
    rocksdb_pinnableslice_t *v = rocksdb_get_pinned_cf(e->db, read, e->cf[cf], key.p, key.n, &err);
    if (err != NULL)
        return rocksdb_error(err, "read");
    if (v == NULL)
        return ERR_NOT_FOUND;
    size_t n;
    const char *p = rocksdb_pinnableslice_value(v, &n);
    *out = (struct engine_value){.bytes = span_of(p, n), .owner = v};
    return 0;
}

static int engine_get(struct engine *engine,
                      struct engine_snap *snap,
                      enum engine_cf cf,
                      struct span key,
                      struct engine_value *out)
{
    struct engine_rocksdb *e = rocksdb_of(engine);
    if (snap != NULL) /* whoever holds one is inside the gate */
        return get_with(e, snap->read, cf, key, out);
    uint64_t generation;
    int rc = rocksdb_gate_enter(e, &generation); /* left by value_done */
    if (rc != 0)
        return rc;
    rocksdb_readoptions_t *read = rocksdb_read_new(NULL);
    rc = get_with(e, read, cf, key, out);
    rocksdb_readoptions_destroy(read);
    out->newest = rc == 0;
    if (rc != 0)
        rocksdb_gate_leave(e);
    return rc;
}

static void engine_value_done(struct engine *engine, struct engine_value *value)
{
    rocksdb_pinnableslice_destroy(value->owner);
    if (value->newest)
        rocksdb_gate_leave(rocksdb_of(engine));
}

/* Of what comes from a blob file the library has made a copy that belongs to the slice (BlobSource::PinOwnedBlob; there
 * is no blob cache here), and of what comes from a memory table, too (PinnableSlice::PinSelf). Only what lies in
 * a table file, which is less than min_blob_size, is lent from a block of the cache: that is copied. */
static int engine_value_keep(struct engine *engine, struct engine_value *value)
{
    struct engine_value lent = *value;
    int rc = 0;
    if (lent.bytes.n < VALUE_OWNED) {
        char *copy = malloc(lent.bytes.n + 1);
        rc = copy != NULL ? 0 : ERR_NOMEM;
        if (copy != NULL)
            memcpy(copy, lent.bytes.p, lent.bytes.n);
        *value = (struct engine_value){.bytes = span_of(copy, copy != NULL ? lent.bytes.n : 0),
                                       .owner = copy};
        rocksdb_pinnableslice_destroy(lent.owner);
    }
    if (lent.newest)
        rocksdb_gate_leave(rocksdb_of(engine));
    return rc;
}

static void engine_value_drop(struct engine_value *value)
{
    if (value->bytes.n < VALUE_OWNED)
        free(value->owner);
    else
        rocksdb_pinnableslice_destroy(value->owner);
    *value = (struct engine_value){0};
}

/* ---- commit ------------------------------------------------------------------------------ */

static rocksdb_writebatch_t *
batch_of(struct engine_rocksdb *e, const struct engine_op *ops, size_t n)
{
    rocksdb_writebatch_t *b = rocksdb_writebatch_create();
    for (size_t i = 0; i < n; i++) {
        const struct engine_op *op = &ops[i];
        rocksdb_column_family_handle_t *cf = e->cf[op->cf];
        if (op->kind == OP_PUT)
            rocksdb_writebatch_put_cf(b, cf, op->key.p, op->key.n, op->value.p, op->value.n);
        else if (op->kind == OP_DEL)
            rocksdb_writebatch_delete_cf(b, cf, op->key.p, op->key.n);
        else
            rocksdb_writebatch_delete_range_cf(b, cf, op->key.p, op->key.n, op->value.p,
                                               op->value.n);
    }
    return b;
}

static int write_once(struct engine_rocksdb *e,
                      const struct engine_op *ops,
                      size_t n,
                      bool sync,
                      uint64_t *generation)
{
    int rc = rocksdb_gate_enter(e, generation);
    if (rc != 0)
        return rc;
    char *err = NULL;
    rocksdb_writebatch_t *b = batch_of(e, ops, n);
    rocksdb_write(e->db, sync ? e->write_sync : e->write_nosync, b, &err);
    rocksdb_writebatch_destroy(b);
    rocksdb_gate_leave(e);
    return rocksdb_error(err, "write");
}

/* Is the state what the batch would have made it? The caller holds the locks of everything in it,
 * so if so it is because the batch is there. */
static bool has_landed(struct engine *engine, const struct engine_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct engine_value value = {0};
        if (ops[i].kind == OP_DEL_RANGE)
            return false; /* not looked at: those who destroy do it again until it works */
        int rc = engine_get(engine, NULL, ops[i].cf, ops[i].key, &value);
        bool same = rc == 0 && ops[i].kind == OP_PUT && span_eq(value.bytes, ops[i].value);
        if (rc == 0)
            engine_value_done(engine, &value);
        if (!same && !(rc == ERR_NOT_FOUND && ops[i].kind == OP_DEL))
            return false;
    }
    return true;
}

/* A write that fails may still have reached the log, whole, and would come back when the log is
 * replayed: "failed" must not be said before that is known. So the database is opened again, which
 * replays the log to its end once and for all, and then the batch is looked for. */
static int engine_commit(struct engine *engine, const struct engine_op *ops, size_t n, bool sync)
{
    struct engine_rocksdb *e = rocksdb_of(engine);
    if (e->read_only)
        return ERR_DENIED;
    uint64_t generation = UINT64_MAX;
    int rc = atomic_load(&e->failed);
    if (rc != 0)
        rc = rocksdb_repair(e, generation);
    if (rc != 0)
        return rc;
    for (int tries = 0;; tries++) {
        rc = write_once(e, ops, n, sync, &generation);
        if (rc == 0 || generation == UINT64_MAX)
            return rc;
        rocksdb_fail(e, rc);
        if (rocksdb_repair(e, generation) != 0)
            return rc;
        if (has_landed(engine, ops, n))
            return 0;
        if (rc != ERR_CORRUPT || tries > 0)
            return rc;
        /* refused for damage that a compaction had met, not for this batch: it goes through now */
    }
}

static uint64_t engine_free_bytes(struct engine *engine)
{
    struct statvfs v;
    if (statvfs(rocksdb_of(engine)->folder, &v) != 0)
        return UINT64_MAX; /* not knowing must not stop mail; the write itself will tell */
    return (uint64_t)v.f_bavail * v.f_frsize;
}

const struct engine_vtable rocksdb_vtable = {
    .name = "rocksdb",
    .keeps_format = true,
    .close = rocksdb_engine_close,
    .snap_open = engine_snap_open,
    .snap_close = engine_snap_close,
    .get = engine_get,
    .value_done = engine_value_done,
    .value_keep = engine_value_keep,
    .value_drop = engine_value_drop,
    .iter_open = rocksdb_range_open,
    .iter_next = rocksdb_range_next,
    .iter_close = rocksdb_range_close,
    .commit = engine_commit,
    .free_bytes = engine_free_bytes,
    .reclaim = rocksdb_reclaim,
};
