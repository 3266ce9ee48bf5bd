/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an address list: groups have their ends, and a good address that is written is read again. */
#include "fuzz.h"

#include "message/address.h"
#include "message/message.h"

static void check_one_line(struct span s)
{
    must(span_chr(s, '\n') < 0 && span_chr(s, '\r') < 0);
}

static void check_mailbox(const struct mail_address *m, struct arena *a)
{
    struct buf out;
    if (m->broken)
        return;
    must(m->local.p != NULL && m->domain.n > 0);
    buf_init(&out, 2 * (m->local.n + m->domain.n) + 16);
    address_write(m, &out);
    must(out.err == 0);
    struct smtp_address parts;
    if (smtp_address_parse(buf_span(&out), &parts) == (ssize_t)out.n) {
        struct mail_address *again = address_list_parse(buf_span(&out), a, 10, NULL);
        must(again != NULL && again->next == NULL);
        must(span_eq(again->local, m->local) && span_eq(again->domain, m->domain));
        must(span_eq(header_first_address(buf_span(&out), a), buf_span(&out)));
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(512 * size + 65536);
    bool open = false, cut;
    struct mail_address *m = address_list_parse(span_of(data, size), a, size + 1, &cut);
    must(!cut && arena_err(a) == 0);
    for (; m != NULL; m = m->next) {
        must(m->kind == ADDRESS_MAILBOX || open == (m->kind == ADDRESS_GROUP_END));
        if (m->kind == ADDRESS_MAILBOX)
            check_mailbox(m, a);
        else
            open = m->kind == ADDRESS_GROUP;
        check_one_line(m->name);
        check_one_line(m->route);
        check_one_line(m->local);
        check_one_line(m->domain);
    }
    must(!open);
    arena_free(a);
    return 0;
}
