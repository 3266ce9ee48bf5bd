/* SPDX-License-Identifier: Apache-2.0 */
/* UIDBATCHES (RFC 10022): ranges of UIDs with so many messages each, from the latest down. They are of the mailbox as the
 * client knows it, and exact. */
#include "imap/internal.h"

enum {
    BATCH_LEAST = 500,    /* §3.1.3.2 */
    SPAN_MOST = 100000,   /* messages in a range of batches, §3.1.5 */
    BATCHES_MOST = 10000, /* in one answer: of at least five million messages */
};

struct batches {
    uint64_t size;
    uint64_t first, last; /* batches, from 1 */
    bool ranged;
};

/* "10:20"; ERR_INVALID. */
static int parse_range(const struct imap_arg *arg, struct batches *b)
{
    if (arg->kind != IMAP_ATOM || arg->next != NULL)
        return ERR_INVALID;
    struct span last = arg->text;
    struct span first = span_split(&last, ':');
    uint32_t a, z;
    if (!span_to_u32(first, &a) || !span_to_u32(last, &z) || a == 0 || z == 0)
        return ERR_INVALID;
    b->first = a;
    b->last = z;
    b->ranged = true;
    return 0;
}

static void write_batches(struct imap *i, const struct batches *b)
{
    const struct numset *uids = &i->box->uids;
    uint64_t n = numset_count(uids), last = (n + b->size - 1) / b->size;
    uint32_t from, to;
    buf_printf(i->s.out, "* UIDBATCHES (TAG \"%s\")", i->tag);
    if (b->last < last)
        last = b->last;
    for (uint64_t k = b->first; k <= last; k++) {
        uint64_t high = n - (k - 1) * b->size, low = high > b->size ? high - b->size + 1 : 1;
        if (numset_at(uids, (uint32_t)high, &from) && numset_at(uids, (uint32_t)low, &to))
            buf_printf(i->s.out, "%s%u:%u", k == b->first ? " " : ",", from, to);
    }
    buf_puts(i->s.out, "\r\n");
}

enum step imap_cmd_uidbatches(struct imap *i, const struct imap_arg *args)
{
    struct batches b = {.first = 1, .last = UINT32_MAX};
    if (!imap_arg_number(args, &b.size) || b.size == 0 || b.size > UINT32_MAX)
        return imap_bad_args(i);
    if (args->next != NULL && parse_range(args->next, &b) != 0)
        return imap_bad_args(i);
    if (b.ranged && b.first > b.last)
        return imap_bad(i, "[CLIENTBUG] The range of batches begins behind its end");
    if (b.size < BATCH_LEAST)
        return imap_no(i, SPAN("TOOFEW"), "A batch has at least %d messages", BATCH_LEAST);
    if (b.ranged ? (b.last - b.first + 1) * b.size > SPAN_MOST
                 : numset_count(&i->box->uids) / b.size >= BATCHES_MOST)
        return imap_no(i, SPAN("TOOMANY"), "These are too many messages");
    write_batches(i, &b);
    return imap_ok(i, SPAN_EMPTY, "UIDBATCHES completed");
}
