/* SPDX-License-Identifier: Apache-2.0 */
/* A directory on a store in memory, with a clock that stands still. */
#ifndef TEST_DIRECTORY_WORLD_H
#define TEST_DIRECTORY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "directory/directory.h"
#include "directory/keys.h"
#include "store/sim.h"

struct world {
    struct sim_disk *disk;
    struct store *store;
    struct clock_fake clock;
    struct rng_seeded rng;
    struct directory *d;
    struct arena *a;
};

/* example.test, example.com.test (its alias domain), and nothing else. For cmocka. */
int world_setup(void **state);
int world_teardown(void **state);
/* As after a restart: store and directory opened anew on the same disk. `postmaster` may be NULL.
 */
void world_reopen(struct world *w, const char *sub_address, const char *postmaster);

/* Each must succeed. */
uint64_t add_account(struct world *w, const char *address);
/* Removed before; the purging is begun and ended. */
void purge_account(struct world *w, const char *address);
void add_alias(struct world *w, const char *address, const char *target, const char *second);
void add_domain(struct world *w, const char *name, const char *alias_of);
void set_domain(struct world *w, const char *name, const char *catch_all, bool suspended);

/* Writes `value` as the record of that kind of the address, past the directory. */
void put_raw(struct world *w, uint8_t kind, const char *address, struct span value);
/* Flips a bit in it, under the store. */
void rot(struct world *w, uint8_t kind, const char *address);

#define assert_span(got, text)                                                                     \
    do {                                                                                           \
        struct span got_ = (got);                                                                  \
        assert_int_equal(got_.n, strlen(text));                                                    \
        assert_memory_equal(got_.p, text, got_.n);                                                 \
    } while (0)

#endif
