/* SPDX-License-Identifier: Apache-2.0 */
/* One store for one test, on the engine that the program's first argument names. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/sim.h"
#include "store/store.h"

struct fixture {
    struct store *s;
    struct clock_fake clock;
    char folder[64]; /* rocksdb; empty for sim */
    struct sim_disk *disk;
    struct arena *a;
    uint64_t reserve_bytes; /* for the next fixture_open */
};

extern const char *fixture_engine; /* "sim" or "rocksdb" */

int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_open(struct fixture *f);
void fixture_reopen(struct fixture *f);
void folder_remove(const char *path);

/* Only rocksdb: the fixture's store, which must be closed, into `out`. */
int open_again(struct fixture *f, bool create, struct buf *why, struct store **out);
/* A file in the fixture's folder; in its arena. */
char *path_of(struct fixture *f, const char *name);

/* Single writes and reads, each in a transaction of its own. */
int put(struct fixture *f, struct part part, struct span key, struct span value);
int del(struct fixture *f, struct part part, struct span key);
struct span get(struct fixture *f, struct part part, struct span key); /* p NULL: not there */
/* "key=value key=value" of a scan, "!" for each damaged record. */
struct span
list(struct fixture *f, struct part part, struct span prefix, struct span from, bool reverse);

struct blob_id blob_put(struct fixture *f, struct span content); /* finished, not linked */
int blob_link(struct fixture *f, struct part part, struct blob_id id, uint64_t tag);
int blob_unlink(struct fixture *f, struct part part, struct blob_id id, uint64_t tag);
/* Deterministic content. */
struct span content_make(struct arena *a, size_t n, uint64_t seed);
int blob_compare(struct fixture *f,
                 struct blob_id id,
                 struct span content,
                 size_t step); /* 0: the same */

static const struct part part_a = {PART_ACCOUNT, 7}, part_b = {PART_ACCOUNT, 8};

#endif
