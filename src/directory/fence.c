/* SPDX-License-Identifier: Apache-2.0 */
/* Incarnations and fences: see the account of them in directory/keys.h. */
#include "directory/internal.h"

static int number_get(struct store_txn *t, struct span key, uint64_t *out)
{
    struct span value;
    int err = store_txn_get(t, key, &value);
    if (err == ERR_NOT_FOUND) {
        *out = 0;
        return 0;
    }
    return err != 0 ? err : record_number(value, out);
}

static int number_put(struct store_txn *t, struct span key, uint64_t number)
{
    struct arena *a = store_txn_arena(t);
    struct span record = record_of_number(number, a);
    int err = span_made(record, a);
    if (err == 0)
        store_txn_put(t, key, record);
    return err;
}

int incarnation_next(struct store_txn *t, uint64_t *out)
{
    struct arena *a = store_txn_arena(t);
    struct span key = key_of_kind(KEY_INCARNATION, a);
    uint64_t last = 0;
    int err = span_made(key, a);
    if (err == 0)
        err = number_get(t, key, &last);
    if (err == 0)
        err = number_put(t, key, last + 1);
    if (err == 0)
        *out = last + 1;
    return err;
}

int fence_check(struct store_txn *t, struct span fence, uint64_t incarnation)
{
    uint64_t fenced;
    int err = number_get(t, fence, &fenced);
    if (err != 0)
        return err;
    return incarnation != 0 && fenced >= incarnation ? ERR_CONFLICT : 0;
}

struct raise {
    struct span fence;
    uint64_t incarnation;
};

static int raise_one(struct store_txn *t, void *arg)
{
    const struct raise *r = arg;
    uint64_t fenced;
    int err = number_get(t, r->fence, &fenced);
    if (err != 0)
        return err;
    return fenced >= r->incarnation ? 0 : number_put(t, r->fence, r->incarnation);
}

int fence_raise(struct directory *d, struct span fence, uint64_t incarnation)
{
    struct raise r = {fence, incarnation};
    for (unsigned shard = 0; shard < DIRECTORY_SHARDS; shard++) {
        int err = store_txn_run(d->store, part_of_shard(shard), raise_one, &r);
        if (err != 0)
            return err;
    }
    return 0;
}
