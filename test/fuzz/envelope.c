/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a header section: its envelope, with few and with many addresses allowed. */
#include "fuzz.h"

#include "message/envelope.h"
#include "message/message.h"

static size_t check_list(const struct mail_address *m, const struct mail_address *last)
{
    size_t n = 0;
    bool open = false;
    const struct mail_address *end = NULL;
    for (; m != NULL; m = m->next, n++) {
        must(m->kind == ADDRESS_MAILBOX || open == (m->kind == ADDRESS_GROUP_END));
        if (m->kind != ADDRESS_MAILBOX)
            open = m->kind == ADDRESS_GROUP;
        end = m;
    }
    must(!open && end == last);
    return n;
}

static void check_text(struct span s)
{
    must(span_chr(s, '\r') < 0 && span_chr(s, '\n') < 0 && span_eq(s, span_trim(s)));
}

static void take(struct span header, size_t most)
{
    struct arena *a = arena_new(512 * header.n + 65536);
    struct message_envelope e = {0};
    struct header_walk w = header_walk_of(header);
    struct header_field f;
    size_t fields = 0;
    while (header_next(&w, &f)) {
        enum envelope_result r = envelope_take(&e, f.name, f.value, most, a);
        must((r == ENVELOPE_OTHER) == !envelope_has_field(f.name));
        fields++;
    }
    must(arena_err(a) == 0);
    const struct mail_address *const lists[] = {e.from, e.sender, e.reply_to, e.to, e.cc, e.bcc};
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        n += check_list(lists[i], e.last[i]);
    must(most >= header.n || n <= fields * (most + 1));
    check_text(e.date);
    check_text(e.subject);
    check_text(e.in_reply_to);
    check_text(e.message_id);
    check_text(e.references);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    take(span_of(data, size), size + 1);
    take(span_of(data, size), size % 4);
    return 0;
}
