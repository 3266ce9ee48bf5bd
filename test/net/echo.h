/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny line protocol to try hosts of sessions with.
 *
 *   ECHO text   text back            TLS         "version sni" or "plain"
 *   STARTTLS    "GO", then TLS       PEER        address and port of the client
 *   BIG n       n bytes, by MORE     AUTH        becomes an authenticated session
 *   LAST n      n bytes at once (at most 250,000), and close
 *   WAIT        "WAITING", waits for the waker, then "WOKEN"; after timeout_ms "TIRED"
 *   SLEEP ms    handle blocks, then "SLEPT"      DATA n + n bytes   one unit; "GOT n"
 *   LONG        works without an answer until nobody waits for it any more
 *   LISTEN      "LISTENING"; from now on a post is answered "WOKEN" whenever it comes
 *   TIMEOUT ms  sets timeout_ms      QUIT        "BYE" and close
 */
#ifndef TEST_NET_ECHO_H
#define TEST_NET_ECHO_H

#include "net/session.h"

struct echo_server {
    int64_t timeout_ms; /* 0: a minute */
    void (*waiting)(void *arg,
                    struct waker *w); /* called by WAIT, on the worker; may ref the waker */
    void *arg;
    int opened, closed; /* atomic */
    int working;        /* atomic: sessions within LONG */
    int unwanted;       /* atomic: what the last LONG was told */
};

struct session *echo_session_new(void *server);

#endif
