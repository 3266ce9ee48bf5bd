/* SPDX-License-Identifier: Apache-2.0 */
/* waker: how a thread that has finished something tells a session to go on, without either knowing
 * the other. Reference counted; it outlives the session, and posting to a closed one does nothing.
 * post never blocks and may come from any thread; several posts before the session runs are one.
 */
#ifndef BASE_WAKER_H
#define BASE_WAKER_H

struct waker {
    void (*post)(struct waker *w);
    void (*ref)(struct waker *w);
    void (*unref)(struct waker *w);
};

#endif
