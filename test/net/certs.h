/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made on the spot, so that no test depends on a date. */
#ifndef TEST_NET_CERTS_H
#define TEST_NET_CERTS_H

#include "net/tls.h"

struct certs {
    char dir[64];
    struct clock *clock; /* of the contexts; the machine's unless changed */
};

void certs_init(struct certs *c); /* a folder under /tmp */
void certs_done(struct certs *c); /* removes it */
/* DIR/name.crt and DIR/name.key (P-256, signed by itself), good for `names`
 * ("DNS:a.test,DNS:*.b.test"; NULL: no SAN, common name only) from an hour ago for `days`
 * (negative: expired so many days ago). */
void certs_make(struct certs *c, const char *name, const char *names, int days);
/* A context of the named certificates. */
struct tls_context *certs_context(struct certs *c,
                                  const char *const *names,
                                  size_t n,
                                  bool only_13,
                                  struct tls_context *previous);
/* "DIR/name.ext", in memory that the next four calls leave alone. */
const char *certs_path(struct certs *c, const char *name, const char *ext);

#endif
