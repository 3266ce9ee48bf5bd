/* SPDX-License-Identifier: Apache-2.0 */
/* Channel binding: what both ends of a TLS connection know and nobody between them does. Made when
 * somebody asks, since of a hundred logins hardly one binds, and a binding costs several rounds of a
 * key derivation. Who has the connection has the binder, which lives as long as it.
 */
#ifndef BASE_BINDING_H
#define BASE_BINDING_H

#include <stddef.h>
#include <stdint.h>

enum { BINDING_MAX = 64 };

struct binding {
    uint8_t exporter[BINDING_MAX]; /* RFC 9266 */
    size_t exporter_n;             /* 0: there is none */
    uint8_t unique[BINDING_MAX];   /* RFC 5929 §3; only TLS 1.2 */
    size_t unique_n;
};

struct binder {
    void (*get)(struct binder *b, struct binding *out);
};

#endif
