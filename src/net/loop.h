/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: a libuv loop, and an inbox through which other threads ask it to do things (libuv
 * objects belong to their loop's thread alone). */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/base.h"

#include <pthread.h>
#include <uv.h>

/* Embedded in what is sent; may be sent again once `fn` has begun. */
struct loop_item {
    struct loop_item *next;
    void (*fn)(struct loop_item *item);
};

struct loop {
    uv_loop_t uv;
    uv_async_t async;
    pthread_mutex_t lock; /* guards the inbox */
    struct loop_item *head, **tail;
};

int loop_init(struct loop *l) MUST_CHECK;
/* In the loop's thread: until loop_end. */
void loop_run(struct loop *l);
void loop_end(struct loop *l);
/* Runs what is left in the inbox (its thread has ended), closes the handles, frees. */
void loop_done(struct loop *l);
/* Any thread, while the loop is not done. Items run in order. */
void loop_post(struct loop *l, struct loop_item *item);

#endif
