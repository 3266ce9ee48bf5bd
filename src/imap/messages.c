/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages a command means. */
#include "imap/internal.h"

/* Sequence numbers a to b are the messages from the a-th UID to the b-th. */
static int
by_number(const struct imap_selected *box, struct span text, struct numset *uids, bool *beyond)
{
    struct numset numbers;
    uint32_t first, last = 0, from, to;
    numset_init(&numbers);
    int err = imap_set_parse(text, (uint32_t)numset_count(&box->uids), &numbers, beyond);
    while (err == 0 && last < UINT32_MAX && numset_run(&numbers, last + 1, &first, &last))
        if (numset_at(&box->uids, first, &from) && numset_at(&box->uids, last, &to))
            numset_add_range(uids, from, to);
    numset_done(&numbers);
    return err;
}

int imap_messages_of(const struct imap_selected *box,
                     const struct imap_arg *set,
                     bool uid,
                     struct numset *uids,
                     bool *beyond_out)
{
    int err = 0;
    *beyond_out = false;
    if (set == NULL || set->kind != IMAP_ATOM)
        return ERR_INVALID;
    numset_clear(uids);
    if (span_eq(set->text, SPAN("$"))) /* RFC 5182 */
        err = numset_copy(uids, &box->saved);
    else if (uid)
        err = imap_set_parse(set->text, numset_max(&box->uids), uids, beyond_out);
    else
        err = by_number(box, set->text, uids, beyond_out);
    numset_and(uids, &box->uids);
    return err != 0 ? err : uids->err;
}

int imap_messages(struct imap *i, const struct imap_arg *set, struct numset *uids)
{
    bool beyond;
    int err = imap_messages_of(i->box, set, i->uid, uids, &beyond);
    i->beyond = err == 0 && beyond && !i->uid; /* RFC 9051 §9, sequence-set */
    return i->beyond ? ERR_INVALID : err;
}
