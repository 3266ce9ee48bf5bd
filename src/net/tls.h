/* SPDX-License-Identifier: Apache-2.0 */
/* TLS settings: several certificates chosen by SNI, TLS 1.2 or 1.3 and modern ciphers, session
 * tickets whose keys change twice a day and survive a reload. The connection itself is in net/tls_conn.h.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "base/clock.h"

struct tls_context;

struct tls_options {
    const char *const *certs; /* PEM chains; the first is the default */
    const char *const *keys;
    size_t n;
    const struct span
        *cert_pems; /* what the files hold, where the caller has read them (tls_pem.h) */
    const struct span *key_pems; /* and then the names are only for messages; NULL: read them now */
    bool only_13;
    struct clock *clock; /* ages the ticket keys; borrowed for as long as any successor lives */
};

struct tls_cert_info {
    const char *file;
    char subject[256];   /* the names it is good for, separated by spaces (cut to fit) */
    int64_t not_after_s; /* seconds since 1970 */
    int64_t days_left;   /* negative: expired */
    bool matches_host;   /* one of its names is the server's hostname */
};

/* ERR_INVALID (not a certificate, key does not fit…), ERR_NOT_FOUND, ERR_DENIED; `why` gets a
 * sentence naming the file. `previous` (may be NULL): take over its ticket keys. */
int tls_context_new(const struct tls_options *options,
                    struct tls_context *previous,
                    struct buf *why,
                    struct tls_context **out) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *t); /* thread-safe */
void tls_context_unref(struct tls_context *t);

size_t tls_cert_count(const struct tls_context *t);
void tls_cert_info(const struct tls_context *t,
                   size_t index,
                   struct clock *clock,
                   const char *hostname,
                   struct tls_cert_info *out);

#endif
