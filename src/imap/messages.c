/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages a command means. */
#include "imap/internal.h"

/* Sequence numbers a to b are the messages from the a-th UID to the b-th. */
static int by_number(const struct imap_selected *box, struct span text, struct numset *uids)
{
    struct numset numbers;
    uint32_t first, last = 0, from, to;
    bool beyond = false;
    numset_init(&numbers);
    int err = imap_set_parse(text, (uint32_t)numset_count(&box->uids), &numbers, &beyond);
    if (err == 0 && beyond) /* RFC 9051 §9, sequence-set */
        err = ERR_INVALID;
    while (err == 0 && last < UINT32_MAX && numset_run(&numbers, last + 1, &first, &last))
        if (numset_at(&box->uids, first, &from) && numset_at(&box->uids, last, &to))
            numset_add_range(uids, from, to);
    numset_done(&numbers);
    return err;
}

int imap_messages(struct imap *i, const struct imap_arg *set, struct numset *uids)
{
    const struct imap_selected *box = i->box;
    bool beyond;
    int err = 0;
    if (set == NULL || set->kind != IMAP_ATOM)
        return ERR_INVALID;
    numset_clear(uids);
    if (span_eq(set->text, SPAN("$"))) /* RFC 5182 */
        err = numset_copy(uids, &box->saved);
    else if (i->uid)
        err = imap_set_parse(set->text, numset_max(&box->uids), uids, &beyond);
    else
        err = by_number(box, set->text, uids);
    numset_and(uids, &box->uids);
    return err != 0 ? err : uids->err;
}
