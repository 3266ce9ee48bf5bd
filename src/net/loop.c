/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"
#include "base/err.h"

static void run_inbox(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct loop_item *item = l->head;
    l->head = NULL;
    l->tail = &l->head;
    pthread_mutex_unlock(&l->lock);
    while (item != NULL) {
        struct loop_item *next = item->next; /* fn may send it again or free it */
        item->fn(item);
        item = next;
    }
}

static void on_async(uv_async_t *async)
{
    run_inbox(async->data);
}

int loop_init(struct loop *l)
{
    memset(l, 0, sizeof *l);
    l->tail = &l->head;
    if (uv_loop_init(&l->uv) != 0)
        return ERR_NOMEM;
    if (uv_async_init(&l->uv, &l->async, on_async) != 0) {
        (void)uv_loop_close(&l->uv);
        return ERR_NOMEM;
    }
    l->async.data = l;
    pthread_mutex_init(&l->lock, NULL);
    return 0;
}

void loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_end(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_done(struct loop *l)
{
    while (l->head != NULL)
        run_inbox(l);
    uv_close((uv_handle_t *)&l->async, NULL);
    while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0) /* an old uv_stop may end it early */
        continue;
    must(uv_loop_close(&l->uv) == 0);
    pthread_mutex_destroy(&l->lock);
}

void loop_post(struct loop *l, struct loop_item *item)
{
    item->next = NULL;
    pthread_mutex_lock(&l->lock);
    bool first = l->head == NULL;
    *l->tail = item;
    l->tail = &item->next;
    pthread_mutex_unlock(&l->lock);
    if (first) /* the loop that takes it takes all that is added until then */
        must(uv_async_send(&l->async) == 0);
}
