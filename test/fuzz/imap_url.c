/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP URLs: what is taken from one is as its header says, and its rump is one too. */
#include "fuzz.h"

#include "base/err.h"
#include "imap/url.h"

static void check(const struct imap_url *u, struct span text, struct arena *a)
{
    struct imap_url again;
    must(u->uid > 0 && span_is_utf8(u->mailbox) && span_is_utf8(u->section));
    must(span_chr(u->section, '\0') < 0 && span_chr(u->mailbox, '\n') < 0);
    must(u->absolute ? u->server.n > 0 && u->mailbox.n > 0 : u->user.n + u->server.n == 0);
    must((u->mechanism.n > 0) == (u->token.n > 0) && (u->token.n == 0 || u->access.n > 0));
    must(span_starts(text, u->rump) && (u->rump.n < text.n) == (u->token.n > 0));
    must(imap_url_parse(u->rump, a, &again) == 0 && again.token.n == 0);
    must(span_eq(again.access, u->access) && again.uid == u->uid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct imap_url url;
    if (size > 10000)
        return 0;
    struct arena *a = arena_new(256 * 1024);
    must(a != NULL);
    if (imap_url_parse(in, a, &url) == 0)
        check(&url, in, a);
    arena_free(a);
    return 0;
}
