/* SPDX-License-Identifier: Apache-2.0 */
/* A post sets `posted` and sends the waker itself to the connection's loop, at most once at a time;
 * a reference is held while it is under way. The lock is a leaf except that the loop's inbox lock
 * is taken inside it, so that a connection cannot end (and its loop go away) in between. */
#include "net/conn_waker.h"
#include "net/conn.h"

struct conn_waker {
    struct waker waker;
    struct loop_item item;
    int refs; /* atomic */
    pthread_mutex_t lock;
    /* guarded by lock: */
    struct loop *loop; /* NULL: detached */
    struct conn *conn;
    bool posted;
    bool queued;
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
    cw->posted = true;
    if (cw->loop != NULL && !cw->queued) {
        cw->queued = true;
        waker_ref(w);
        loop_post(cw->loop, &cw->item);
    }
    pthread_mutex_unlock(&cw->lock);
}

/* In the loop's thread: so the connection cannot go away while it is told. */
static void on_arrival(struct loop_item *item)
{
    struct conn_waker *cw = CONTAINER_OF(item, struct conn_waker, item);
    pthread_mutex_lock(&cw->lock);
    cw->queued = false;
    struct conn *conn = cw->conn;
    pthread_mutex_unlock(&cw->lock);
    if (conn != NULL)
        conn_posted(conn);
    waker_unref(&cw->waker);
}

struct conn_waker *conn_waker_new(struct loop *loop, struct conn *conn)
{
    struct conn_waker *cw = calloc(1, sizeof *cw);
    if (cw == NULL)
        return NULL;
    cw->waker = (struct waker){waker_post, waker_ref, waker_unref};
    cw->item.fn = on_arrival;
    cw->refs = 1;
    cw->loop = loop;
    cw->conn = conn;
    pthread_mutex_init(&cw->lock, NULL);
    return cw;
}

struct waker *conn_waker_base(struct conn_waker *w)
{
    return &w->waker;
}

bool conn_waker_take(struct conn_waker *w)
{
    pthread_mutex_lock(&w->lock);
    bool posted = w->posted;
    w->posted = false;
    pthread_mutex_unlock(&w->lock);
    return posted;
}

void conn_waker_detach(struct conn_waker *w)
{
    pthread_mutex_lock(&w->lock);
    w->loop = NULL;
    w->conn = NULL;
    pthread_mutex_unlock(&w->lock);
}
