/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of service. */
#include "directory/internal.h"

#include "base/log.h"
#include "directory/merge.h"

enum { CLASS_NAME_MAX = 64 };

static const struct span default_name = {"default", 7};

int class_name_normalize(struct span text, struct arena *a, struct span *out)
{
    if (text.n == 0)
        text = default_name;
    if (text.n > CLASS_NAME_MAX)
        return ERR_INVALID;
    char *p = arena_alloc(a, text.n);
    if (p == NULL)
        return arena_err(a);
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && (c == '\0' || strchr("-_.", c) == NULL))
            return ERR_INVALID;
        p[i] = c;
    }
    *out = span_of(p, text.n);
    return 0;
}

int class_lookup(struct directory *d, struct span name, struct arena *a, struct class_record *out)
{
    struct span value;
    struct class_record r = {.incarnation = 0};
    int err = cache_get(d->domains, key_of_name(KEY_CLASS, name, a), a, &value);
    if (err == 0)
        err = record_class(value, &r);
    else if (err == ERR_NOT_FOUND && span_eq(name, default_name))
        err = 0;
    if (err != 0)
        return err;
    *out = r;
    out->class_of_service.name = name;
    return 0;
}

int class_get(struct directory *d, struct span name, struct arena *a, struct class_of_service *out)
{
    struct span normal;
    struct class_record r;
    int err = class_name_normalize(name, a, &normal);
    if (err == 0)
        err = class_lookup(d, normal, a, &r);
    if (err == 0)
        *out = r.class_of_service;
    return err == ERR_INVALID ? ERR_NOT_FOUND : err;
}

struct put {
    struct span key;
    struct class_record record;
};

/* A class that is changed gets a new incarnation too: that ends a removal under way. */
static int put_txn(struct store_txn *t, void *arg)
{
    struct put *p = arg;
    struct arena *a = store_txn_arena(t);
    struct span value;
    int err = store_txn_get(t, p->key, &value);
    if (err == 0) {
        struct class_record old;
        err = record_class(value, &old);
        if (err == 0 && old.newer)
            err = ERR_FORMAT_NEWER;
    } else if (err == ERR_NOT_FOUND) {
        err = 0;
    }
    if (err == 0)
        err = incarnation_next(t, &p->record.incarnation);
    if (err != 0)
        return err;
    struct span record = record_of_class(&p->record, a);
    err = span_made(record, a);
    if (err == 0)
        store_txn_put(t, p->key, record);
    return err;
}

int class_put(struct directory *d, const struct class_of_service *c)
{
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    struct put p = {.record.class_of_service = *c};
    struct span name;
    int err = c->name.n == 0 ? ERR_INVALID : class_name_normalize(c->name, a, &name);
    if (err == 0) {
        p.key = key_of_name(KEY_CLASS, name, a);
        err = span_made(p.key, a);
    }
    if (err == 0)
        err = store_txn_run(d->store, part_of_domains(), put_txn, &p);
    arena_free(a);
    return err;
}

/* ---- listing ----------------------------------------------------------------------------- */

struct class_node {
    struct class_node *next;
    struct class_of_service c;
};

static int class_entry(struct span key, struct span value, struct arena *a, struct class_node **out)
{
    struct class_record r;
    struct class_node *node = arena_alloc(a, sizeof *node);
    if (node == NULL)
        return arena_err(a);
    int err = record_class(value, &r);
    if (err == 0)
        err = directory_key_name(key, a, &r.class_of_service.name);
    if (err == ERR_CORRUPT) {
        log_event(LOG_ERROR, "directory.damaged-class", LOG_S("key", span_from(key, 1)));
        *out = NULL;
        return 0;
    }
    node->c = r.class_of_service;
    *out = node;
    return err;
}

static int class_array(struct class_node *list,
                       size_t n,
                       struct arena *a,
                       struct class_of_service **out,
                       size_t *n_out)
{
    struct class_of_service *v = arena_array(a, n + 1, sizeof *v);
    if (v == NULL)
        return arena_err(a);
    size_t at = n + 1; /* the list is backwards; place 0 is for a default that was never written */
    bool has_default = false;
    for (; list != NULL; list = list->next) {
        v[--at] = list->c;
        has_default = has_default || span_eq(list->c.name, default_name);
    }
    v[0] = (struct class_of_service){.name = default_name};
    *out = has_default ? v + 1 : v;
    *n_out = has_default ? n : n + 1;
    return 0;
}

int class_list(struct directory *d, struct arena *a, struct class_of_service **out, size_t *n_out)
{
    struct store_snap *snap;
    struct store_iter *iter = NULL;
    int err = store_snap_open(d->store, part_of_domains(), &snap);
    if (err != 0)
        return err;
    struct span prefix = key_of_kind(KEY_CLASS, a);
    err = span_made(prefix, a);
    if (err == 0)
        err = store_snap_scan(snap, prefix, SPAN_EMPTY, false, &iter);
    struct class_node *list = NULL;
    size_t n = 0;
    while (err == 0) {
        struct span key;
        struct span value;
        struct class_node *node = NULL;
        int got = store_iter_next(iter, &key, &value);
        if (got == ERR_CORRUPT)
            continue;
        if (got <= 0) {
            err = got;
            break;
        }
        err = class_entry(key, value, a, &node);
        if (err == 0 && node != NULL) {
            node->next = list;
            list = node;
            n++;
        }
    }
    if (iter != NULL)
        store_iter_close(iter);
    store_snap_close(snap);
    return err != 0 ? err : class_array(list, n, a, out, n_out);
}

/* ---- removing ---------------------------------------------------------------------------- */

struct removal {
    struct span name;
    struct span key;
    uint64_t incarnation;
};

static int domains_refer(struct store_txn *t, struct span name)
{
    struct store_iter *iter;
    int err = txn_scan_kind(t, KEY_DOMAIN, &iter);
    if (err != 0)
        return err;
    struct span key;
    struct span value;
    while ((err = store_iter_next(iter, &key, &value)) == 1) {
        struct domain_record r;
        /* A damaged record may refer to it: nobody can know. */
        err = record_domain(value, &r);
        if (err == 0 && span_eq(r.domain.default_class, name))
            err = ERR_IN_USE;
        if (err != 0)
            break;
    }
    store_iter_close(iter);
    return err;
}

static int remove_txn(struct store_txn *t, void *arg)
{
    const struct removal *r = arg;
    struct span value;
    struct class_record now;
    int err = store_txn_get(t, r->key, &value);
    if (err == 0)
        err = record_class(value, &now);
    if (err == 0 && now.incarnation != r->incarnation)
        err = ERR_CONFLICT;
    if (err == 0)
        err = domains_refer(t, r->name);
    if (err == 0)
        store_txn_del(t, r->key);
    return err;
}

static int reopen_txn(struct store_txn *t, void *arg)
{
    const struct removal *r = arg;
    struct arena *a = store_txn_arena(t);
    struct span value;
    struct class_record now;
    int err = store_txn_get(t, r->key, &value);
    if (err == 0)
        err = record_class(value, &now);
    if (err != 0 || now.newer || now.incarnation != r->incarnation)
        return err;
    err = incarnation_next(t, &now.incarnation);
    if (err != 0)
        return err;
    struct span record = record_of_class(&now, a);
    err = span_made(record, a);
    if (err == 0)
        store_txn_put(t, r->key, record);
    return err;
}

static int accounts_refer(struct directory *d, struct span name, struct arena *a)
{
    struct merge *m;
    struct span prefix = key_of_kind(KEY_ACCOUNT, a);
    int err = span_made(prefix, a);
    if (err == 0)
        err = merge_open(d->store, prefix, SPAN_EMPTY, &m);
    if (err != 0)
        return err;
    struct span key;
    struct span value;
    int got;
    while ((got = merge_next(m, &key, &value)) == 1) {
        struct account_record r;
        if (record_account(value, &r) == 0 && span_eq(r.account.class_name, name)) {
            got = ERR_IN_USE;
            break;
        }
    }
    merge_close(m);
    return got;
}

static int remove_checked(struct directory *d, struct span name, struct arena *a)
{
    struct class_record c;
    struct removal r = {.name = name, .key = key_of_name(KEY_CLASS, name, a)};
    struct span fence = key_of_name(KEY_CLASS_FENCE, name, a);
    int err = span_made(fence, a);
    if (err == 0)
        err = class_lookup(d, name, a, &c);
    if (err == 0)
        err = accounts_refer(d, name, a); /* saves the fences where the answer is plain */
    if (err != 0)
        return err;
    r.incarnation = c.incarnation;
    err = fence_raise(d, fence, r.incarnation);
    if (err == 0)
        err = accounts_refer(d, name, a);
    if (err == 0)
        err = store_txn_run(d->store, part_of_domains(), remove_txn, &r);
    if (err != 0 && store_txn_run(d->store, part_of_domains(), reopen_txn, &r) != 0)
        log_event(LOG_WARN, "directory.class-closed", LOG_S("class", name), LOG_ERR(err));
    return err;
}

int class_remove(struct directory *d, struct span name)
{
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    struct span normal;
    int err = class_name_normalize(name, a, &normal);
    if (err == 0)
        err = span_eq(normal, default_name) ? ERR_INVALID : remove_checked(d, normal, a);
    arena_free(a);
    return err;
}
