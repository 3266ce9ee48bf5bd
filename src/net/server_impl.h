/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server share; no other room includes this. */
#ifndef NET_SERVER_IMPL_H
#define NET_SERVER_IMPL_H

#include "net/conns.h"
#include "net/guests.h"
#include "net/loop.h"
#include "net/peers.h"
#include "net/server.h"
#include "net/timers.h"
#include "net/tls.h"
#include "net/worker.h"

enum {
    SERVER_READ_SHORT = 4 * 1024, /* bytes of one read when memory for buffers is short */
    SERVER_UNSENT = 128 * 1024,   /* bytes in the kernel's queue beyond what is on its way */
    SERVER_BATCH = 16 * 1024,     /* answers of pipelined units collected before they are sent */
};

struct listener {
    struct listener *next;
    struct server *server;
    struct listener_options o;
    int fd;
    bool polled; /* `poll` is open */
    uv_poll_t poll;
    uv_timer_t pause; /* after accept failed for want of memory or descriptors */
    bool is_unix;
    char *unix_path; /* removed at the end; NULL: TCP, or somebody else's */
};

struct server {
    struct clock *clock;
    struct rng *rng;
    struct loop loop; /* accepts, and knows the time; runs in the thread of server_run */
    bool looped;      /* `loop` is made */
    struct workers *workers;
    struct conns table;
    struct timers timers; /* of connections */
    struct peers *peers;
    struct listener *listeners;
    struct ip_net *proxy_from;
    size_t proxy_from_n;
    struct server_times times; /* none of them 0 */
    int64_t read_rate;
    struct budget *buffers;
    int64_t conn_max;
    int64_t conns; /* atomic: those that count towards conn_max */
    int spare_fd;  /* given up for a moment to accept and close when descriptors have run out */

    uint64_t sid_prefix;
    uint32_t sid_next; /* atomic */

    pthread_mutex_t tls_lock; /* guards tls */
    struct tls_context *tls;

    int stopped; /* atomic; written by the loop's thread */
    uv_async_t stop;
    uv_async_t look; /* at the timers, and whether the last connection has gone */
    /* the loop's thread only */
    uv_timer_t tick;      /* when the next of `timers` is due */
    uv_timer_t grace;     /* of a server that stops */
    struct after *afters; /* pending server_after timers */
    struct guests guests;
    int64_t refused_logged_ms, refused_since, full_logged_ms;
};

/* Any thread. */
bool server_stopping(const struct server *s);
/* timers_set said so. */
void server_timers_moved(struct server *s);
/* The last connection has gone. */
void server_conns_gone(struct server *s);

/* A reference to unref; NULL if there are no certificates. */
struct tls_context *server_tls_ref(struct server *s);
/* 16 letters and digits, never the same twice while the server runs, not to be guessed by
 * outsiders. */
void server_sid(struct server *s, char *to, size_t size);

/* A descriptor to give up when there are no more; -1: there is none. */
int listener_spare(void);
/* What a client is told whose network has too many connections. */
struct span listener_crowded(const struct listener *l);
int listener_start(struct listener *l, struct loop *loop) MUST_CHECK;
void listener_stop(struct listener *l);
void listener_free(struct listener *l);

#endif
