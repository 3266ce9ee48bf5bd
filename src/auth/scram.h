/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), over GNU SASL.
 *
 * GNU SASL does the messages and the proof. Ours are: which keys belong to a name (a callback), the
 * channel binding, and three checks in front of it: no NUL byte, the gs2 flag that goes with
 * the mechanism, and a username that SASLprep does not empty.
 * One scram_server belongs to one exchange; not thread-safe.
 */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include "auth/credentials.h"
#include "base/binding.h"

struct Gsasl;
struct scram_server;

enum { SCRAM_MESSAGE_MAX = 4096 };

/* Called once, when the name is known. Must give keys for any name, so that an unknown one looks as
 * the known do; an error (the world's) ends the exchange with it. */
typedef int (*scram_lookup)(void *arg,
                            struct span username,
                            struct span authzid,
                            struct scram_keys *out);

/* Once, before the first server: GNU SASL's context has one callback for all of its sessions. */
void scram_setup(struct Gsasl *gsasl);

/* `binding` is borrowed and must outlive it, as `arg`. ERR_NOMEM. */
int scram_server_new(struct Gsasl *gsasl,
                     bool plus,
                     const struct binding *binding,
                     scram_lookup lookup,
                     void *arg,
                     struct scram_server **out) MUST_CHECK;
void scram_server_free(struct scram_server *s); /* NULL is fine */

/* 1: send `*output` and step with the answer. 0: the proof is right, send `*output` (server-final).
 * ERR_AUTH_FAILED: a wrong proof or binding. ERR_INVALID: not SCRAM. ERR_NOMEM, and what lookup
 * returned.
 * `*output` is valid until the next call. */
int scram_server_step(struct scram_server *s, struct span input, struct span *output) MUST_CHECK;

#endif
