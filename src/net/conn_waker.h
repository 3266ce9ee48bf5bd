/* SPDX-License-Identifier: Apache-2.0 */
/* The waker of a connection's session (base/waker.h): outlives the connection, may be posted from
 * any thread at any time. A post is remembered until the session waits. */
#ifndef NET_CONN_WAKER_H
#define NET_CONN_WAKER_H

#include "base/waker.h"
#include "net/loop.h"

struct conn_waker;

struct conn_waker *conn_waker_new(struct loop *loop,
                                  struct conn *conn) MUST_CHECK; /* one reference */
struct waker *conn_waker_base(struct conn_waker *w);
/* Was it posted since the last time this was asked? Any thread. */
bool conn_waker_take(struct conn_waker *w);
/* The connection ends: from now on posts do nothing. Loop's thread. */
void conn_waker_detach(struct conn_waker *w);

#endif
