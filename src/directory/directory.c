/* SPDX-License-Identifier: Apache-2.0 */
/* The directory itself, and account ids. */
#include "directory/internal.h"

enum { ID_BLOCK = 256 };

int span_made(struct span s, const struct arena *a)
{
    if (s.p != NULL)
        return 0;
    return arena_err(a) != 0 ? arena_err(a) : ERR_NOMEM;
}

int txn_scan_kind(struct store_txn *t, uint8_t kind, struct store_iter **out)
{
    struct arena *a = store_txn_arena(t);
    struct span prefix = key_of_kind(kind, a);
    int err = span_made(prefix, a);
    return err != 0 ? err : store_txn_scan(t, prefix, SPAN_EMPTY, false, out);
}

/* A separator is part of local parts, so it must be in their normal form and need no quotes. */
static bool is_separator(struct span s)
{
    struct arena *a = arena_new(4096);
    struct span text = a != NULL ? arena_printf(a, "a%.*sa@b.test", SPAN_ARG(s)) : SPAN_EMPTY;
    struct address address;
    bool good = s.n <= 8 && span_chr(s, '@') < 0 && span_chr(s, '"') < 0 && text.p != NULL &&
                address_normalize(text, a, &address) == 0 && span_eq(address.whole, text);
    arena_free(a);
    return good;
}

static int copy_options(struct directory *d, const struct directory_options *options)
{
    const char *separator = options->sub_address != NULL ? options->sub_address : "";
    const char *postmaster = options->postmaster != NULL ? options->postmaster : "";
    if (separator[0] != '\0' && !is_separator(span_str(separator)))
        return ERR_INVALID;
    d->sub_address = strdup(separator);
    d->postmaster = strdup(postmaster);
    return d->sub_address != NULL && d->postmaster != NULL ? 0 : ERR_NOMEM;
}

int directory_new(const struct directory_options *options, struct directory **out)
{
    struct directory *d = calloc(1, sizeof *d);
    if (d == NULL)
        return ERR_NOMEM;
    d->store = options->store;
    d->clock = options->clock;
    d->remove_grace_ms = options->remove_grace_ms;
    must(pthread_mutex_init(&d->id_lock, NULL) == 0);
    int err = copy_options(d, options);
    if (err == 0)
        err = cache_new(d->store, part_of_domains(), &d->domains);
    if (err != 0) {
        directory_free(d);
        return err;
    }
    *out = d;
    return 0;
}

void directory_free(struct directory *d)
{
    if (d == NULL)
        return;
    cache_free(d->domains);
    pthread_mutex_destroy(&d->id_lock);
    free(d->sub_address);
    free(d->postmaster);
    free(d);
}

/* ---- account ids -------------------------------------------------------------------------
 * Numbers from a durable counter, in blocks: a process that dies wastes the rest of its block, and
 * no id is given twice by any process. A counter and not randomness, because it needs no claim to
 * be written and checked for each id, and because neighbouring small numbers make short keys and
 * records that stay together on disk. */

static int reserve_block(struct store_txn *t, void *arg)
{
    uint64_t *first = arg;
    struct arena *a = store_txn_arena(t);
    struct span value;
    uint64_t next = 1;
    int err = store_txn_get(t, key_of_ids(), &value);
    if (err == 0)
        err = record_number(value, &next);
    else if (err == ERR_NOT_FOUND)
        err = 0;
    if (err != 0)
        return err;
    if (next == 0 || next > INT64_MAX - ID_BLOCK)
        return ERR_CORRUPT;
    struct span record = record_of_number(next + ID_BLOCK, a);
    if (record.p == NULL)
        return span_made(record, a);
    store_txn_put(t, key_of_ids(), record);
    *first = next;
    return 0;
}

static bool take_id(struct directory *d, uint64_t *id_out)
{
    must(pthread_mutex_lock(&d->id_lock) == 0);
    bool has = d->id_next < d->id_end;
    if (has)
        *id_out = d->id_next++;
    must(pthread_mutex_unlock(&d->id_lock) == 0);
    return has;
}

/* Two threads that find the block empty both reserve one; the later overwrites what the earlier has
 * left, which only skips numbers. The lock is not held while the store works. */
int account_id_reserve(struct directory *d, uint64_t *id_out)
{
    if (take_id(d, id_out))
        return 0;
    uint64_t first;
    int err = store_txn_run(d->store, (struct part){PART_SYSTEM, 0}, reserve_block, &first);
    if (err != 0)
        return err;
    must(pthread_mutex_lock(&d->id_lock) == 0);
    d->id_next = first + 1;
    d->id_end = first + ID_BLOCK;
    must(pthread_mutex_unlock(&d->id_lock) == 0);
    *id_out = first;
    return 0;
}
