/* SPDX-License-Identifier: Apache-2.0 */
/* See rooms.h. */
#include "rooms.h"

#include "base/err.h"

enum { GRACE_MS = 1000 }; /* short, so that a run of seconds purges */

int rooms_open(struct rooms *r, const char *folder, bool create, struct buf *why)
{
    char url[4200];
    *r = (struct rooms){0};
    snprintf(url, sizeof(url), "rocksdb:%s/store", folder);
    struct store_options options = {
        .clock = clock_system(), .rng = rng_system(), .create = create, .reserve_bytes = 1 << 20};
    int err = store_open(url, &options, why, &r->store);
    if (err != 0)
        return err;
    struct directory_options with = {.store = r->store,
                                     .clock = options.clock,
                                     .rng = options.rng,
                                     .sub_address = "+",
                                     .remove_grace_ms = GRACE_MS};
    err = directory_new(&with, &r->directory);
    r->mail = (struct mail){.store = r->store,
                            .clock = options.clock,
                            .rng = options.rng,
                            .expunge_grace_ms = GRACE_MS};
    r->delivery = (struct delivery){
        .directory = r->directory, .mail = &r->mail, .store = r->store, .clock = options.clock};
    return err;
}

void rooms_close(struct rooms *r)
{
    directory_free(r->directory);
    store_close(r->store);
}

int rooms_accounts(struct rooms *r, int (*each)(void *arg, const struct account *a), void *arg)
{
    struct arena *arena = arena_new(16 << 20);
    struct account *v;
    size_t n;
    int err = arena == NULL ? ERR_NOMEM
                            : account_list(r->directory, SPAN_EMPTY, SPAN_EMPTY, DIRECTORY_PAGE_MAX,
                                           arena, &v, &n);
    for (size_t i = 0; err == 0 && i < n; i++)
        err = each(arg, &v[i]);
    arena_free(arena);
    return err;
}
