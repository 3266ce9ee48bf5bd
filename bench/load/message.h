/* SPDX-License-Identifier: Apache-2.0 */
/* The mail that is sent: as large as asked to the octet, no two alike.
 *
 * Below 32 KiB it is text; from there on a text of 6 KiB with an attachment in base64. The text is words of a
 * made-up language, common ones more often, so it compresses about as mail does (zstd: to about a half at
 * 8 KiB); base64 to three quarters. The texts are cut from one pool made at the start, so a message costs the
 * sender no more than its header. No line begins with a dot and no line is longer than 78 octets.
 */
#ifndef BENCH_LOAD_MESSAGE_H
#define BENCH_LOAD_MESSAGE_H

#include "base/random.h"
#include "link.h"

struct corpus {
    struct rng_seeded rng;
    uint64_t run; /* makes Message-IDs of different runs differ */
    char date[64];
    size_t size;
    char *text, *base64; /* pools */
    size_t text_n, base64_n;
};

void corpus_init(struct corpus *c, uint64_t seed, size_t size);
void corpus_done(struct corpus *c);

/* Queues message number `n` on the link: header and body, size octets, ended by CRLF, without the final dot. */
void message_put(struct corpus *c, struct link *l, uint64_t n, const char *from, const char *to);

#endif
