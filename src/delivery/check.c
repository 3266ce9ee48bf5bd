/* SPDX-License-Identifier: Apache-2.0 */
/* delivery_check: what can be known about a recipient before the message is there. */
#include "delivery/internal.h"

#include "base/err.h"

int delivery_class(struct delivery *d,
                   struct span name,
                   struct arena *a,
                   struct class_of_service *out)
{
    int err = class_get(d->directory, name, a, out);
    /* an account whose class is gone must not lose its mail for that */
    return err == ERR_NOT_FOUND ? class_get(d->directory, SPAN("default"), a, out) : err;
}

/* 0, ERR_TOO_BIG or ERR_QUOTA: would this destination take it? Or an error of the world. */
static int
destination_check(struct delivery *d, const struct destination *to, uint64_t size, struct arena *a)
{
    struct class_of_service class;
    struct mail_quota used = {0};
    int err = delivery_class(d, to->class_name, a, &class);
    if (err != 0)
        return err;
    if (class.message_size != 0 && size > class.message_size)
        return ERR_TOO_BIG;
    err = mailbox_quota(d->mail, to->account_id, &used);
    if (err != 0) /* ERR_NO_USER: purged since it was resolved, which the next try hears */
        return err == ERR_NO_USER ? ERR_UNAVAILABLE : err;
    if (class.quota_messages != 0 && used.messages >= class.quota_messages)
        return ERR_QUOTA;
    if (class.quota_bytes != 0 &&
        (used.bytes >= class.quota_bytes || size > class.quota_bytes - used.bytes))
        return ERR_QUOTA;
    return 0;
}

int delivery_check(
    struct delivery *d, struct span address, uint64_t size, struct arena *a, struct resolution *res)
{
    bool all_too_big = true, one_takes_it = false;
    int err = directory_resolve(d->directory, address, a, res);
    if (err != 0)
        return err;
    for (size_t i = 0; i < res->n; i++)
        if (!res->v[i].local)
            return ERR_RELAY;
    for (size_t i = 0; i < res->n && !one_takes_it; i++) {
        err = destination_check(d, &res->v[i], size, a);
        if (err != 0 && err != ERR_TOO_BIG && err != ERR_QUOTA)
            return err;
        one_takes_it = err == 0;
        all_too_big &= err == ERR_TOO_BIG;
    }
    if (one_takes_it)
        return 0;
    return res->n == 0 ? ERR_NO_USER : all_too_big ? ERR_TOO_BIG : ERR_QUOTA;
}
