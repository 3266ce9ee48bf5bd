/* SPDX-License-Identifier: Apache-2.0 */
/* STAT, LIST, UIDL. */
#include "pop3/internal.h"

#include <inttypes.h>

enum { LIST_CHUNK = 32 * 1024 };

bool pop3_is_deleted(const struct pop3 *p, size_t index)
{
    return p->deleted != NULL && (p->deleted[index / 8] >> (index % 8) & 1) != 0;
}

const struct mail_entry *pop3_message(struct pop3 *p, struct span number, size_t *index_out)
{
    uint64_t n;
    if (!span_to_u64(number, &n) || n == 0 || n > p->view.n) {
        pop3_err(p, "", "No such message, there are %zu messages", p->view.n);
        return NULL;
    }
    *index_out = (size_t)n - 1;
    if (pop3_is_deleted(p, *index_out)) {
        pop3_err(p, "", "Message %" PRIu64 " is already deleted", n);
        return NULL;
    }
    return &p->view.v[*index_out];
}

enum step pop3_cmd_stat(struct pop3 *p, const struct pop3_line *line)
{
    (void)line;
    pop3_ok(p, "%zu %" PRIu64, p->view.n - p->deleted_n, p->bytes - p->deleted_bytes);
    return STEP_DONE;
}

/* The account's id is in it because an account that was removed and made again under its old
 * address counts from 1 again: its new messages must not look like old ones, or clients would not
 * fetch them. */
static void uidl_print(struct buf *out, const struct pop3 *p, const struct mail_entry *e)
{
    buf_printf(out, "%" PRIx64 "-%" PRIx64, p->account, e->uidl);
}

static enum step list_one(struct pop3 *p, struct span number)
{
    size_t i;
    const struct mail_entry *e = pop3_message(p, number, &i);
    if (e == NULL)
        return STEP_DONE;
    buf_printf(p->s.out, "+OK %zu ", i + 1);
    if (p->list_uidl)
        uidl_print(p->s.out, p, e);
    else
        buf_printf(p->s.out, "%" PRIu64, e->size);
    buf_puts(p->s.out, "\r\n");
    return STEP_DONE;
}

enum step pop3_list_more(struct pop3 *p)
{
    struct buf *out = p->s.out;
    size_t from = out->n;
    for (; p->list_at < p->view.n; p->list_at++) {
        if (out->n - from >= LIST_CHUNK) {
            p->busy = POP3_LISTING;
            return STEP_MORE;
        }
        if (pop3_is_deleted(p, p->list_at))
            continue;
        const struct mail_entry *e = &p->view.v[p->list_at];
        buf_printf(out, "%zu ", p->list_at + 1);
        if (p->list_uidl)
            uidl_print(out, p, e);
        else
            buf_printf(out, "%" PRIu64, e->size);
        buf_puts(out, "\r\n");
    }
    buf_puts(out, ".\r\n");
    p->busy = POP3_IDLE;
    return STEP_DONE;
}

static enum step list_any(struct pop3 *p, const struct pop3_line *line, bool uidl)
{
    p->list_uidl = uidl;
    if (line->arg_n > 0)
        return list_one(p, line->arg[0]);
    p->list_at = 0;
    if (uidl)
        pop3_ok(p, "Unique-id listing follows");
    else
        pop3_ok(p, "%zu messages (%" PRIu64 " octets)", p->view.n - p->deleted_n,
                p->bytes - p->deleted_bytes);
    return pop3_list_more(p);
}

enum step pop3_cmd_list(struct pop3 *p, const struct pop3_line *line)
{
    return list_any(p, line, false);
}

enum step pop3_cmd_uidl(struct pop3 *p, const struct pop3_line *line)
{
    return list_any(p, line, true);
}
