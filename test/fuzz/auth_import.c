/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a password hash of another system: refused, or a record that reads back, is
 * described, and (where that is cheap) verifies without harm. */
#include "fuzz.h"

#include "auth/auth.h"
#include "auth/credentials.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b;
    struct credentials c;
    buf_init(&b, CREDENTIALS_MAX);
    int err = credentials_import(span_of(data, size), &b);
    must(err == 0 || err == ERR_INVALID || err == ERR_UNSUPPORTED);
    if (err == 0) {
        struct arena *arena = arena_new(65536);
        must(arena != NULL);
        must(credentials_decode(buf_span(&b), &c) == 0);
        must(c.n == 1);
        must(span_ends(auth_credentials_describe(buf_span(&b), arena),
                       SPAN(" (until the next login)")));
        if (c.v[0].scheme == SCHEME_PLAIN)
            must(credentials_verify(&c, c.v[0].data) == 1);
        else if (c.v[0].scheme != SCHEME_CRYPT && c.v[0].scheme != SCHEME_ARGON2_FOREIGN)
            must(credentials_verify(&c, SPAN("secret")) >= 0);
        arena_free(arena);
    }
    buf_done(&b);
    return 0;
}
