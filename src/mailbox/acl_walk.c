/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/acl_walk.h"

int acl_walk_txn(struct acl_walk *w, struct store_txn *t, struct mail_key prefix)
{
    *w = (struct acl_walk){0};
    return store_txn_scan(t, mail_key_span(&prefix), SPAN_EMPTY, false, &w->it);
}

int acl_walk_snap(struct acl_walk *w, struct store_snap *snap, struct mail_key prefix)
{
    *w = (struct acl_walk){0};
    return store_snap_scan(snap, mail_key_span(&prefix), SPAN_EMPTY, false, &w->it);
}

/* Does the key say whose row it is? */
static bool read_key(struct acl_walk *w, struct span key)
{
    return key.n > 0 && (uint8_t)key.p[0] == TABLE_GRANT
               ? mail_key_read_grant(key, &w->mailbox, &w->user) == 0
               : mail_key_read_grantee(key, &w->user, &w->mailbox) == 0;
}

int acl_walk_next(struct acl_walk *w)
{
    struct span key, value;
    int err;
    while ((err = rows_next(w->it, &key, &value, &w->damaged)) > 0) {
        w->rows++;
        if (!read_key(w, key))
            continue;
        w->grant = (struct mail_grant){0};
        w->whole = (uint8_t)key.p[0] != TABLE_GRANT || grant_record_unpack(value, &w->grant) == 0;
        w->grant.user = w->user;
        return 1;
    }
    return err;
}

int acl_walk_end(struct acl_walk *w, int err)
{
    if (w->it != NULL)
        store_iter_close(w->it);
    w->it = NULL;
    return err < 0 ? err : 0;
}
