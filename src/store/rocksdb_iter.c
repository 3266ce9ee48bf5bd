/* SPDX-License-Identifier: Apache-2.0 */
/* Iterating over a range, damage included.
 *
 * RocksDB's iterator ends at the first block it cannot verify, and with it all that is behind. So
 * at a damaged block a second iterator goes on that does not look at block checksums; the records'
 * own sums (keys.h) tell which of them are damaged. Where the block cannot even be parsed, the next
 * readable key is found by seeking ever farther until a seek succeeds, then by bisection between
 * the last that failed and the first that did not: a few hundred seeks, once for each such block.
 */
#include "store/rocksdb_impl.h"

#include "base/err.h"
#include "store/keys.h"

enum {
    GALLOP_BYTES = 24
}; /* behind the range's common prefix: enough for every key of ours to differ in */

struct engine_iter {
    struct engine_rocksdb *e;
    struct engine_snap *snap;
    enum engine_cf cf;
    bool reverse, end, salvage;
    bool landed; /* the current entry is where a gallop ended */
    enum {
        AT_START,
        AT_ENTRY,
        AT_FOUND
    } at; /* FOUND: a gallop stands on the entry to give out next */
    rocksdb_readoptions_t *read;
    rocksdb_iterator_t *it;
    char *lower, *upper, *last; /* `last`: given out last, or where to start */
    size_t lower_n, upper_n, last_n;
    bool has_last; /* `last` was given out: only what is beyond it comes now */
    char keys[];
};

static rocksdb_iterator_t *iterator_new(struct engine_iter *it)
{
    it->read = rocksdb_read_new(it->snap->snapshot, it->salvage);
    rocksdb_readoptions_set_iterate_lower_bound(it->read, it->lower, it->lower_n);
    rocksdb_readoptions_set_iterate_upper_bound(it->read, it->upper, it->upper_n);
    return rocksdb_create_iterator_cf(it->e->db, it->read, it->e->cf[it->cf]);
}

static void iterator_free(struct engine_iter *it)
{
    rocksdb_iter_destroy(it->it);
    rocksdb_readoptions_destroy(it->read);
}

int rocksdb_range_open(struct engine *engine,
                       struct engine_snap *snap,
                       const struct engine_range *range,
                       struct engine_iter **out)
{
    struct engine_iter *it = calloc(1, sizeof(*it) + 3 * (size_t)STORE_KEY_BYTES);
    if (it == NULL)
        return ERR_NOMEM;
    must(range->lower.n <= STORE_KEY_BYTES && range->upper.n <= STORE_KEY_BYTES &&
         range->from.n <= STORE_KEY_BYTES);
    it->e = rocksdb_of(engine);
    it->snap = snap;
    it->cf = range->cf;
    it->reverse = range->reverse;
    it->lower = it->keys;
    it->upper = it->keys + STORE_KEY_BYTES;
    it->last = it->keys + (size_t)2 * STORE_KEY_BYTES;
    memcpy(it->lower, range->lower.p, it->lower_n = range->lower.n);
    memcpy(it->upper, range->upper.p, it->upper_n = range->upper.n);
    struct span from = range->from;
    if (from.n == 0)
        from = range->reverse ? range->upper : range->lower;
    memcpy(it->last, from.p, it->last_n = from.n);
    it->it = iterator_new(it);
    if (range->bulk) {
        rocksdb_readoptions_set_fill_cache(it->read, 0);
        rocksdb_readoptions_set_readahead_size(it->read, 1 << 20);
        rocksdb_iter_destroy(it->it);
        it->it = rocksdb_create_iterator_cf(it->e->db, it->read, it->e->cf[it->cf]);
    }
    *out = it;
    return 0;
}

void rocksdb_range_close(struct engine_iter *it)
{
    iterator_free(it);
    free(it);
}

static struct span current_key(struct engine_iter *it)
{
    size_t n;
    const char *p = rocksdb_iter_key(it->it, &n);
    return span_of(p, n);
}

/* Beyond everything given out, and inside the range. */
static bool is_next(struct engine_iter *it, struct span key)
{
    if (span_cmp(key, span_of(it->lower, it->lower_n)) < 0 ||
        span_cmp(key, span_of(it->upper, it->upper_n)) >= 0)
        return false;
    int order = span_cmp(key, span_of(it->last, it->last_n)) * (it->reverse ? -1 : 1);
    return it->has_last ? order > 0 : order >= 0;
}

static void seek(struct engine_iter *it, struct span to)
{
    if (it->reverse)
        rocksdb_iter_seek_for_prev(it->it, to.p, to.n);
    else
        rocksdb_iter_seek(it->it, to.p, to.n);
}

static void step(struct engine_iter *it)
{
    if (it->reverse)
        rocksdb_iter_prev(it->it);
    else
        rocksdb_iter_next(it->it);
}

/* To the entry after `last`, or to the range's start. */
static void seek_last(struct engine_iter *it)
{
    seek(it, span_of(it->last, it->last_n));
    if (it->has_last && rocksdb_iter_valid(it->it) &&
        span_eq(current_key(it), span_of(it->last, it->last_n)))
        step(it);
}

/* 0 at the end of the range, ERR_CORRUPT, or another error. */
static int iterator_error(struct engine_iter *it)
{
    char *err = NULL;
    rocksdb_iter_get_error(it->it, &err);
    return rocksdb_error(err, "scan");
}

/* ---- galloping over what cannot be parsed ------------------------------------------------- */

/* Keys as numbers of `n` bytes. */
struct key_number {
    uint8_t b[STORE_KEY_BYTES];
    size_t n;
};

static bool number_add_bit(struct key_number *k, size_t bit, bool subtract)
{
    size_t at = k->n - 1 - bit / 8;
    int carry = 1 << bit % 8;
    for (;; at--) {
        int v = k->b[at] + (subtract ? -carry : carry);
        k->b[at] = (uint8_t)(v & 0xff);
        if (v >= 0 && v <= 0xff)
            return true;
        if (at == 0)
            return false;
        carry = 1;
    }
}

static void
number_middle(const struct key_number *a, const struct key_number *b, struct key_number *out)
{
    unsigned carry = 0;
    uint8_t sum[STORE_KEY_BYTES];
    for (size_t i = a->n; i-- > 0;) {
        unsigned v = (unsigned)a->b[i] + b->b[i] + carry;
        sum[i] = (uint8_t)(v & 0xff);
        carry = v >> 8;
    }
    out->n = a->n;
    for (size_t i = 0; i < a->n; i++) {
        unsigned v = carry << 8 | sum[i];
        out->b[i] = (uint8_t)(v >> 1);
        carry = v & 1;
    }
}

static struct span number_span(const struct key_number *k)
{
    return span_of(k->b, k->n);
}

/* Stands on a readable entry beyond `last`, or on a clean end. */
static bool readable_from(struct engine_iter *it, const struct key_number *k)
{
    seek(it, number_span(k));
    if (rocksdb_iter_valid(it->it))
        return is_next(it, current_key(it));
    char *err = NULL;
    rocksdb_iter_get_error(it->it, &err);
    if (err == NULL)
        return true;
    rocksdb_free(err); /* not logged: it is what we expect here */
    return false;
}

static bool beyond_range(struct engine_iter *it, const struct key_number *k)
{
    return it->reverse ? span_cmp(number_span(k), span_of(it->lower, it->lower_n)) < 0
                       : span_cmp(number_span(k), span_of(it->upper, it->upper_n)) >= 0;
}

static void gallop(struct engine_iter *it)
{
    size_t common = 0;
    while (common < it->lower_n && common < it->upper_n && it->lower[common] == it->upper[common])
        common++;
    struct key_number start = {.n = common + GALLOP_BYTES}, bad, good;
    if (start.n > STORE_KEY_BYTES)
        start.n = STORE_KEY_BYTES;
    memcpy(start.b, it->last, it->last_n < start.n ? it->last_n : start.n);
    bad = start;
    bool found = false;
    for (size_t bit = 0; bit < start.n * 8 && !found; bit++) {
        good = start;
        if (!number_add_bit(&good, bit, it->reverse) || beyond_range(it, &good))
            break;
        found = readable_from(it, &good);
        if (!found)
            bad = good;
    }
    if (!found) {
        it->end = true;
        return;
    }
    for (size_t round = 0; round < GALLOP_BYTES * 8; round++) {
        struct key_number middle;
        number_middle(&bad, &good, &middle);
        if (span_eq(number_span(&middle), number_span(&bad)) ||
            span_eq(number_span(&middle), number_span(&good)))
            break;
        if (readable_from(it, &middle))
            good = middle;
        else
            bad = middle;
    }
    if (!readable_from(it, &good) || !rocksdb_iter_valid(it->it))
        it->end = true;
    it->at = AT_FOUND;
}

/* ---- next -------------------------------------------------------------------------------- */

static void move(struct engine_iter *it)
{
    if (it->at == AT_START)
        seek_last(it);
    else if (it->at == AT_ENTRY)
        step(it);
    it->landed = it->at == AT_FOUND;
    it->at = AT_ENTRY;
}

/* The first damage met: look again, without block checksums. */
static void go_salvage(struct engine_iter *it)
{
    iterator_free(it);
    it->salvage = true;
    it->it = iterator_new(it);
    it->at = AT_START;
}

static void remember(struct engine_iter *it, struct span key)
{
    must(key.n <= STORE_KEY_BYTES);
    memcpy(it->last, key.p, it->last_n = key.n);
    it->has_last = true;
}

static int entry(struct engine_iter *it, struct span *key, struct span *value)
{
    size_t n;
    const char *p = rocksdb_iter_value(it->it, &n);
    struct span k = current_key(it), inner;
    if (it->salvage) {
        /* A damaged key must not become `last`: it could lie far behind those that follow it.
         * Except where a gallop has landed on it: the next one would land there again. */
        bool damaged = frame_open(it->cf, k, span_of(p, n), &inner) != 0;
        if (damaged && it->landed && k.n <= STORE_KEY_BYTES)
            remember(it, k);
        if (damaged || !is_next(it, k))
            return ERR_CORRUPT;
    }
    remember(it, k);
    *key = k;
    *value = span_of(p, n);
    return 1;
}

int rocksdb_range_next(struct engine_iter *it, struct span *key, struct span *value)
{
    for (;;) {
        if (it->end)
            return 0;
        move(it);
        if (rocksdb_iter_valid(it->it))
            return entry(it, key, value);
        int rc = iterator_error(it);
        if (rc == ERR_CORRUPT && !it->salvage) {
            go_salvage(it);
            continue;
        }
        if (rc == ERR_CORRUPT)
            gallop(it);
        else
            it->end = true;
        return rc;
    }
}
