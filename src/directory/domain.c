/* SPDX-License-Identifier: Apache-2.0 */
/* Domains and alias domains. Removing one is in domain_remove.c. */
#include "directory/internal.h"

#include "base/log.h"

int domain_lookup(struct directory *d, struct span name, struct arena *a, struct domain_record *out)
{
    struct span value;
    struct domain_record r;
    int err = cache_get(d->domains, key_of_name(KEY_DOMAIN, name, a), a, &value);
    if (err == 0)
        err = record_domain(value, &r);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_NO_DOMAIN : err;
    *out = r;
    out->domain.name = name;
    return 0;
}

int domain_lookup_own(struct directory *d,
                      struct span name,
                      struct arena *a,
                      struct domain_record *out)
{
    struct domain_record r;
    struct domain_record own;
    int err = domain_lookup(d, name, a, &r);
    if (err != 0 || r.domain.alias_of.n == 0) {
        if (err == 0)
            *out = r;
        return err;
    }
    err = domain_lookup(d, r.domain.alias_of, a, &own);
    if (err != 0)
        return err;
    own.domain.suspended = own.domain.suspended || r.domain.suspended;
    *out = own;
    return 0;
}

int domain_get(struct directory *d, struct span name, struct arena *a, struct domain *out)
{
    struct span normal;
    struct domain_record r;
    int err = domain_normalize(name, a, &normal);
    if (err == 0)
        err = domain_lookup(d, normal, a, &r);
    if (err == 0)
        *out = r.domain;
    return err;
}

/* ---- adding and changing ----------------------------------------------------------------- */

struct put {
    struct span key;
    struct span alias_of_key; /* set for an alias domain */
    struct span class_key;    /* set when a class that has to be there is named */
    struct domain_record record;
    bool add;
};

static int check_target(struct store_txn *t, struct span key)
{
    struct span value;
    struct domain_record target;
    int err = store_txn_get(t, key, &value);
    if (err == 0)
        err = record_domain(value, &target);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_NO_DOMAIN : err;
    return target.domain.alias_of.n > 0 ? ERR_INVALID : 0;
}

static int check_old(struct store_txn *t, struct put *p)
{
    struct span value;
    struct domain_record old;
    int err = store_txn_get(t, p->key, &value);
    if (p->add)
        return err == ERR_NOT_FOUND ? 0 : err == 0 ? ERR_EXISTS : err;
    if (err == 0)
        err = record_domain(value, &old);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_NO_DOMAIN : err;
    if (old.newer)
        return ERR_FORMAT_NEWER;
    if ((old.domain.alias_of.n > 0) != (p->record.domain.alias_of.n > 0))
        return ERR_INVALID; /* its addresses would be out of reach */
    p->record.domain.created_ms = old.domain.created_ms;
    return 0;
}

/* The new incarnation of a domain that is changed ends a removal under way. */
static int put_txn(struct store_txn *t, void *arg)
{
    struct put *p = arg;
    struct arena *a = store_txn_arena(t);
    struct span value;
    int err = check_old(t, p);
    if (err == 0 && p->alias_of_key.p != NULL)
        err = check_target(t, p->alias_of_key);
    if (err == 0 && p->class_key.p != NULL)
        err = store_txn_get(t, p->class_key, &value);
    if (err == 0)
        err = incarnation_next(t, &p->record.incarnation);
    if (err != 0)
        return err;
    struct span record = record_of_domain(&p->record, a);
    err = span_made(record, a);
    if (err == 0)
        store_txn_put(t, p->key, record);
    return err;
}

static int put_alias(struct put *p, const struct domain *domain, struct span name, struct arena *a)
{
    struct span target;
    int err = domain_normalize(domain->alias_of, a, &target);
    if (err != 0)
        return err;
    if (span_eq(target, name) || domain->catch_all.n > 0 || domain->default_class.n > 0)
        return ERR_INVALID;
    p->record.domain.alias_of = target;
    p->alias_of_key = key_of_name(KEY_DOMAIN, target, a);
    return span_made(p->alias_of_key, a);
}

static int put_own(struct put *p, const struct domain *domain, struct arena *a)
{
    int err = 0;
    struct address normal;
    struct span class_name;
    if (domain->catch_all.n > 0)
        err = address_keep_local(domain->catch_all, a, &normal, &p->record.domain.catch_all);
    if (err != 0 || domain->default_class.n == 0)
        return err;
    err = class_name_normalize(domain->default_class, a, &class_name);
    if (err != 0)
        return err;
    p->record.domain.default_class = class_name;
    if (span_eq(class_name, SPAN("default")))
        return 0;
    p->class_key = key_of_name(KEY_CLASS, class_name, a);
    return span_made(p->class_key, a);
}

static int domain_put(struct directory *d, const struct domain *domain, bool add)
{
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    struct put p = {.add = add};
    struct span name;
    p.record.domain.suspended = domain->suspended;
    p.record.domain.created_ms = d->clock->wall_ms(d->clock);
    int err = domain_normalize(domain->name, a, &name);
    if (err == 0) {
        p.key = key_of_name(KEY_DOMAIN, name, a);
        err = span_made(p.key, a);
    }
    if (err == 0)
        err = domain->alias_of.n > 0 ? put_alias(&p, domain, name, a) : put_own(&p, domain, a);
    if (err == 0)
        err = store_txn_run(d->store, part_of_domains(), put_txn, &p);
    arena_free(a);
    return err;
}

int domain_add(struct directory *d, const struct domain *domain)
{
    return domain_put(d, domain, true);
}

int domain_set(struct directory *d, const struct domain *domain)
{
    return domain_put(d, domain, false);
}

/* ---- listing ----------------------------------------------------------------------------- */

struct domain_node {
    struct domain_node *next;
    struct domain domain;
};

static int
domain_entry(struct span key, struct span value, struct arena *a, struct domain_node **out)
{
    struct domain_record r;
    struct domain_node *node = arena_alloc(a, sizeof *node);
    struct span copy = arena_dup(a, value);
    if (node == NULL || copy.p == NULL)
        return arena_err(a) != 0 ? arena_err(a) : ERR_CORRUPT;
    int err = record_domain(copy, &r);
    if (err == 0)
        err = directory_key_name(key, a, &r.domain.name);
    if (err == ERR_CORRUPT) {
        log_event(LOG_ERROR, "directory.damaged-domain", LOG_S("key", span_from(key, 1)));
        *out = NULL;
        return 0;
    }
    node->domain = r.domain;
    *out = node;
    return err;
}

static int domain_walk(
    struct store_iter *iter, size_t max, struct arena *a, struct domain_node **list, size_t *n)
{
    size_t damaged = 0;
    while (*n < max) {
        struct span key;
        struct span value;
        struct domain_node *node = NULL;
        int got = store_iter_next(iter, &key, &value);
        if (got == ERR_CORRUPT && ++damaged < DIRECTORY_PAGE_MAX)
            continue;
        if (got <= 0)
            return got;
        int err = domain_entry(key, value, a, &node);
        if (err != 0)
            return err;
        if (node == NULL)
            continue;
        node->next = *list;
        *list = node;
        ++*n;
    }
    return 0;
}

static int domain_read(struct directory *d,
                       struct span after,
                       size_t max,
                       struct arena *a,
                       struct domain_node **list,
                       size_t *n)
{
    struct span prefix = key_of_kind(KEY_DOMAIN, a);
    struct span from = SPAN_EMPTY;
    int err = span_made(prefix, a);
    if (err == 0 && after.n > 0) {
        struct span normal;
        err = domain_normalize(after, a, &normal);
        if (err == 0) {
            from = key_after(key_of_name(KEY_DOMAIN, normal, a), a);
            err = span_made(from, a);
        }
    }
    struct store_snap *snap;
    struct store_iter *iter;
    if (err == 0)
        err = store_snap_open(d->store, part_of_domains(), &snap);
    if (err != 0)
        return err;
    err = store_snap_scan(snap, prefix, from, false, &iter);
    if (err == 0) {
        err = domain_walk(iter, max, a, list, n);
        store_iter_close(iter);
    }
    store_snap_close(snap);
    return err;
}

int domain_page(struct directory *d,
                struct span after,
                size_t max,
                struct arena *a,
                struct domain **out,
                size_t *n_out)
{
    struct domain_node *list = NULL;
    size_t n = 0;
    int err = domain_read(d, after, max, a, &list, &n);
    if (err != 0)
        return err;
    struct domain *v = arena_array(a, n + 1, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    for (size_t at = n; list != NULL; list = list->next)
        v[--at] = list->domain;
    *out = v;
    *n_out = n;
    return 0;
}

int domain_list(struct directory *d, struct arena *a, struct domain **out, size_t *n_out)
{
    return domain_page(d, SPAN_EMPTY, SIZE_MAX, a, out, n_out);
}
