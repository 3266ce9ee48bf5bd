/* SPDX-License-Identifier: Apache-2.0 */
/* A post is an event of the connection. The lock is held while it is told, so that the connection
 * cannot go away in between; the pool's lock may be taken inside it. */
#include "net/conn_waker.h"
#include "base/err.h"
#include "net/conn.h"

struct conn_waker {
    struct waker waker;
    int refs; /* atomic */
    pthread_mutex_t lock;
    struct conn *conn; /* guarded by lock; NULL: detached */
};

static struct conn_waker *of(struct waker *w)
{
    return CONTAINER_OF(w, struct conn_waker, waker);
}

static void waker_ref(struct waker *w)
{
    __atomic_add_fetch(&of(w)->refs, 1, __ATOMIC_RELAXED);
}

static void waker_unref(struct waker *w)
{
    struct conn_waker *cw = of(w);
    int left = __atomic_sub_fetch(&cw->refs, 1, __ATOMIC_ACQ_REL);
    must(left >= 0);
    if (left > 0)
        return;
    pthread_mutex_destroy(&cw->lock);
    free(cw);
}

static void waker_post(struct waker *w)
{
    struct conn_waker *cw = of(w);
    pthread_mutex_lock(&cw->lock);
    if (cw->conn != NULL)
        conn_tell(cw->conn, EVENT_POST);
    pthread_mutex_unlock(&cw->lock);
}

struct conn_waker *conn_waker_new(struct conn *conn)
{
    struct conn_waker *cw = calloc(1, sizeof *cw);
    if (cw == NULL)
        return NULL;
    cw->waker = (struct waker){waker_post, waker_ref, waker_unref};
    cw->refs = 1;
    cw->conn = conn;
    pthread_mutex_init(&cw->lock, NULL);
    return cw;
}

struct waker *conn_waker_base(struct conn_waker *w)
{
    return &w->waker;
}

void conn_waker_detach(struct conn_waker *w)
{
    pthread_mutex_lock(&w->lock);
    w->conn = NULL;
    pthread_mutex_unlock(&w->lock);
}
