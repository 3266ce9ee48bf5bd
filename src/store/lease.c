/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: records of PART_SYSTEM 0 that end by the clock. */
#include "store/internal.h"

#include "base/err.h"

enum { LEASE_NAME_MAX = 256 };

struct lease_call {
    struct store *s;
    struct span name, holder;
    int64_t ttl_ms;
};

static struct span lease_key(const struct lease_call *c, char to[LEASE_NAME_MAX + 2])
{
    to[0] = 0;
    to[1] = 'l';
    memcpy(to + 2, c->name.p, c->name.n);
    return span_of(to, c->name.n + 2);
}

/* ERR_NOT_FOUND: nobody has it. A record that cannot be read is nobody's: a damaged lease must not
 * stop a queue for ever. */
static int lease_read(struct store_txn *t, struct span key, struct lease_record *l)
{
    struct span record;
    int rc = store_txn_get(t, key, &record);
    if (rc == 0)
        rc = lease_unpack(record, l);
    return rc == ERR_CORRUPT ? ERR_NOT_FOUND : rc;
}

static int take(struct store_txn *t, void *arg)
{
    const struct lease_call *c = arg;
    int64_t now = c->s->clock->wall_ms(c->s->clock);
    char name[LEASE_NAME_MAX + 2];
    struct span key = lease_key(c, name);
    struct lease_record l;
    int rc = lease_read(t, key, &l);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (rc == 0 && !span_eq(l.holder, c->holder) && lease_is_held(&l, now))
        return ERR_IN_USE;
    l = (struct lease_record){.holder = c->holder, .taken_ms = now, .ttl_ms = c->ttl_ms};
    struct buf record;
    buf_init(&record, LEASE_NAME_MAX * 2);
    lease_pack(&record, &l);
    rc = record.err;
    store_txn_put(t, key, buf_span(&record));
    buf_done(&record);
    return rc;
}

static int drop(struct store_txn *t, void *arg)
{
    const struct lease_call *c = arg;
    char name[LEASE_NAME_MAX + 2];
    struct span key = lease_key(c, name);
    struct lease_record l;
    int rc = lease_read(t, key, &l);
    if (rc == 0 && span_eq(l.holder, c->holder))
        store_txn_del(t, key);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int lease_run(struct store *s, store_txn_fn fn, struct lease_call *c)
{
    if (c->name.n > LEASE_NAME_MAX || c->holder.n > LEASE_NAME_MAX)
        return ERR_TOO_BIG;
    if (c->name.n == 0 || c->ttl_ms < 0)
        return ERR_INVALID;
    return store_txn_run(s, (struct part){PART_SYSTEM, 0}, fn, c);
}

int store_lease_take(struct store *s, struct span name, struct span holder, int64_t ttl_ms)
{
    struct lease_call c = {.s = s, .name = name, .holder = holder, .ttl_ms = ttl_ms};
    return lease_run(s, take, &c);
}

int store_lease_drop(struct store *s, struct span name, struct span holder)
{
    struct lease_call c = {.s = s, .name = name, .holder = holder};
    return lease_run(s, drop, &c);
}
