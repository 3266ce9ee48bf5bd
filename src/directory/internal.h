/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the directory room share. Not for other rooms. */
#ifndef DIRECTORY_INTERNAL_H
#define DIRECTORY_INTERNAL_H

#include "base/err.h"
#include "base/limits.h"
#include "directory/address.h"
#include "directory/cache.h"
#include "directory/directory.h"
#include "directory/keys.h"
#include "directory/record.h"

#include <pthread.h>

struct directory {
    struct store *store;
    struct clock *clock;
    char *sub_address;
    char *postmaster;
    int64_t remove_grace_ms;
    struct cache *domains;
    pthread_mutex_t id_lock; /* guards the next two; a leaf */
    uint64_t id_next;        /* ids reserved and not yet given: id_next … id_end - 1 */
    uint64_t id_end;
};

/* Memory of one call that is given no arena. */
enum { DIRECTORY_SCRATCH = 4 * 1024 * 1024 };

/* 0, or what `a` complains of, for a span an arena or a key builder made. */
int span_made(struct span s, const struct arena *a) MUST_CHECK;

/* All records of one kind in the transaction's partition. */
int txn_scan_kind(struct store_txn *t, uint8_t kind, struct store_iter **out) MUST_CHECK;

/* ---- domains and classes (domain.c, class.c) ---------------------------------------------- */

/* By normal form, through the cache. ERR_NO_DOMAIN. */
int domain_lookup(struct directory *d, struct span name, struct arena *a, struct domain_record *out)
    MUST_CHECK;
/* As domain_lookup; an alias domain gives the domain it stands for. `suspended` is set if either
 * is. */
int domain_lookup_own(struct directory *d,
                      struct span name,
                      struct arena *a,
                      struct domain_record *out) MUST_CHECK;
/* ERR_NOT_FOUND. "default" that was never changed has incarnation 0. Name in normal form. */
int class_lookup(struct directory *d, struct span name, struct arena *a, struct class_record *out)
    MUST_CHECK;
/* Lower case; empty means "default". ERR_INVALID. */
int class_name_normalize(struct span text, struct arena *a, struct span *out) MUST_CHECK;

/* ---- fences and incarnations (fence.c), see keys.h ---------------------------------------- */

/* In a transaction on PART_DOMAINS: a number higher than any before. */
int incarnation_next(struct store_txn *t, uint64_t *out) MUST_CHECK;
/* In a transaction on a shard: ERR_CONFLICT if `incarnation` is fenced off. */
int fence_check(struct store_txn *t, struct span fence, uint64_t incarnation) MUST_CHECK;
/* Raises the fence of all shards. */
int fence_raise(struct directory *d, struct span fence, uint64_t incarnation) MUST_CHECK;

/* ---- addresses (lookup.c) ----------------------------------------------------------------- */

enum found { FOUND_NONE, FOUND_ACCOUNT, FOUND_ALIAS };
struct lookup {
    enum found found;
    struct account_record account;
    struct alias_record alias;
};
/* What has exactly this address (normal form). ERR_CORRUPT and the store's errors. */
int directory_lookup(struct directory *d,
                     const struct address *address,
                     struct arena *a,
                     struct lookup *out) MUST_CHECK;
/* Why there is nothing of that address: ERR_NO_USER, or ERR_NO_DOMAIN if not even the domain. */
int directory_absent(struct directory *d,
                     const struct address *address,
                     struct arena *a) MUST_CHECK;
/* Address in any spelling; what has it must be a `want`, else directory_absent. */
int directory_find(struct directory *d,
                   struct span text,
                   enum found want,
                   struct arena *a,
                   struct address *address_out,
                   struct lookup *out) MUST_CHECK;
/* The next sub-address reading of `local`, longest base first: *at is where the separator to try
 * begins, start with local.n. false: no more. */
bool sub_address_split(const struct directory *d,
                       struct span local,
                       size_t *at,
                       struct span *base,
                       struct span *detail);

#endif
