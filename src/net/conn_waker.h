/* SPDX-License-Identifier: Apache-2.0 */
/* The waker of a connection's session (base/waker.h): outlives the connection, may be posted from
 * any thread at any time. */
#ifndef NET_CONN_WAKER_H
#define NET_CONN_WAKER_H

#include "base/base.h"
#include "base/waker.h"

struct conn;
struct conn_waker;

struct conn_waker *conn_waker_new(struct conn *conn) MUST_CHECK; /* one reference */
struct waker *conn_waker_base(struct conn_waker *w);
/* The connection ends: from now on posts do nothing. */
void conn_waker_detach(struct conn_waker *w);

#endif
