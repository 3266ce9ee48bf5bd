/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the items and modifiers of a FETCH: what is understood is written so that it is understood as the
 * same again. */
#include "fuzz.h"

#include "base/err.h"
#include "base/limits.h"
#include "imap/fetch.h"

static void check_section(const struct fetch_item *item, struct arena *a)
{
    struct buf first, second;
    struct section again;
    buf_init(&first, 4 * LIMIT_IMAP_SECTION);
    buf_init(&second, 4 * LIMIT_IMAP_SECTION);
    fetch_section_write(&item->section, &first);
    must(first.err == 0 && span_find(item->label, buf_span(&first)) >= 0);
    int err = fetch_section_parse(buf_span(&first), a, &again);
    must(err == 0 || (err == ERR_LIMIT && first.n > LIMIT_IMAP_SECTION));
    if (err == 0) {
        fetch_section_write(&again, &second);
        must(span_eq(buf_span(&first), buf_span(&second)));
    }
    buf_done(&first);
    buf_done(&second);
}

static void check(const struct imap_arg *args, bool uid, struct arena *a)
{
    struct fetch_request r;
    size_t n = 0;
    bool has_uid = false;
    int err = fetch_parse(args, uid, a, &r);
    if (err == 0)
        err = fetch_imply(&r, uid, r.changed, a);
    must(err == 0 || err == ERR_INVALID || err == ERR_LIMIT || err == ERR_TOO_BIG);
    if (err != 0)
        return;
    for (const struct fetch_item *item = r.items; item != NULL; item = item->next, n++) {
        bool section = item->kind >= FETCH_SECTION;
        must(item->label.n > 0 && (!item->partial || item->count > 0));
        has_uid |= item->kind == FETCH_UID;
        if (section && span_ends(item->label, SPAN("]")))
            check_section(item, a);
        must(!section || (r.needs & FETCH_NEEDS_BODY) != 0);
    }
    must(n > 0 && n <= LIMIT_IMAP_FETCH_ITEMS + 2 && (has_uid || !uid));
    must(!r.vanished || (uid && r.changed));
    must(!r.paged || (uid && r.page.first > 0 && r.page.count > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64 * 1024 * 1024);
    struct imap_arg *args;
    if (imap_args_parse(span_of(data, size), a, &args) == 0) {
        check(args, false, a);
        check(args, true, a);
    }
    arena_free(a);
    return 0;
}
