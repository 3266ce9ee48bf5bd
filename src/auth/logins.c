/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/logins.h"

#include "auth/auth_int.h"
#include "base/err.h"

enum {                 /* bits of `told` */
       LOOK = 1,       /* something has changed: the directory knows what */
       NEW_SECRET = 2, /* the password it logged in with is no longer the one */
       SINCE = 4,      /* LOOK, and whether the credentials are those that were looked at */
};

/* A change announces itself first and then tells who is in the table; a login enters the table first and then looks for
 * announcements. So one of the two sees the other. */
static void announce(struct auth *a)
{
    __atomic_fetch_add(&a->logins.changes, 1, __ATOMIC_SEQ_CST);
}

uint64_t auth_logins_changes(const struct auth *a)
{
    return __atomic_load_n(&a->logins.changes, __ATOMIC_SEQ_CST);
}

static struct login_bucket *bucket_of(struct auth *a, uint64_t account)
{
    return &a->logins.buckets[account % LOGIN_BUCKETS];
}

static uint32_t hash_of(struct span domain)
{
    uint32_t h = 0x811c9dc5; /* FNV-1a, 32 bits: who has the same looks for nothing */
    for (size_t k = 0; k < domain.n; k++)
        h = (h ^ (uint8_t)domain.p[k]) * 0x01000193;
    return h;
}

static struct span domain_of(struct span address)
{
    return span_from(address, (size_t)(span_rchr(address, '@') + 1));
}

static void tell(struct auth_login *l, unsigned what)
{
    __atomic_fetch_or(&l->told, what, __ATOMIC_ACQ_REL);
    if (l->waker != NULL)
        l->waker->post(l->waker);
}

/* ---- the table ---------------------------------------------------------------------------- */

void auth_logins_init(struct auth *a)
{
    for (size_t k = 0; k < LOGIN_BUCKETS; k++)
        pthread_mutex_init(&a->logins.buckets[k].lock, NULL);
}

void auth_logins_done(struct auth *a)
{
    for (size_t k = 0; k < LOGIN_BUCKETS; k++) {
        must(a->logins.buckets[k].first == NULL);
        pthread_mutex_destroy(&a->logins.buckets[k].lock);
    }
}

static void tell_account(struct auth *a, uint64_t account, unsigned what)
{
    struct login_bucket *b = bucket_of(a, account);
    announce(a);
    pthread_mutex_lock(&b->lock);
    for (struct auth_login *l = b->first; l != NULL; l = l->next)
        if (l->account == account)
            tell(l, what);
    pthread_mutex_unlock(&b->lock);
}

void auth_forget(struct auth *a, uint64_t account_id)
{
    auth_cache_forget(a->cache, account_id);
    tell_account(a, account_id, LOOK);
}

void auth_password_changed(struct auth *a, uint64_t account_id)
{
    auth_cache_forget(a->cache, account_id);
    tell_account(a, account_id, NEW_SECRET);
}

void auth_forget_domain(struct auth *a, struct span domain)
{
    uint32_t hash = hash_of(domain);
    announce(a);
    for (size_t k = 0; k < LOGIN_BUCKETS; k++) {
        struct login_bucket *b = &a->logins.buckets[k];
        pthread_mutex_lock(&b->lock);
        for (struct auth_login *l = b->first; l != NULL; l = l->next)
            if (l->domain == hash)
                tell(l, LOOK);
        pthread_mutex_unlock(&b->lock);
    }
}

/* ---- a session ---------------------------------------------------------------------------- */

void auth_login_begin(struct auth *a,
                      const struct auth_result *result,
                      struct waker *waker,
                      struct auth_login *out)
{
    struct login_bucket *b = bucket_of(a, result->account_id);
    *out = (struct auth_login){.begun = true,
                               .account = result->account_id,
                               .version = result->version,
                               .domain = hash_of(domain_of(result->address)),
                               .waker = waker};
    pthread_mutex_lock(&b->lock);
    out->next = b->first;
    out->at = &b->first;
    if (out->next != NULL)
        out->next->at = &out->next;
    b->first = out;
    pthread_mutex_unlock(&b->lock);
    if (auth_logins_changes(a) != result->changes)
        tell(out, LOOK | SINCE);
}

void auth_login_end(struct auth *a, struct auth_login *l)
{
    if (!l->begun)
        return;
    struct login_bucket *b = bucket_of(a, l->account);
    pthread_mutex_lock(&b->lock);
    *l->at = l->next;
    if (l->next != NULL)
        l->next->at = l->at;
    pthread_mutex_unlock(&b->lock);
    *l = (struct auth_login){0};
}

/* What the directory says of the account now. */
static int look(struct auth *a, const struct auth_login *l, unsigned told, struct span address)
{
    struct account account;
    struct arena *arena = arena_new(LOGIN_ARENA);
    if (arena == NULL)
        return ERR_NOMEM;
    int err = directory_login(a->directory, address, arena, &account);
    if (err == 0 && account.id != l->account) /* another has this address now */
        err = ERR_SUSPENDED;
    if (err == 0 && (told & SINCE) != 0 && account.credentials_version != l->version)
        err = ERR_EXPIRED;
    arena_free(arena);
    return err == ERR_NO_USER || err == ERR_NO_DOMAIN || err == ERR_DENIED ? ERR_SUSPENDED : err;
}

int auth_login_check(struct auth *a, struct auth_login *l, struct span address)
{
    unsigned told = __atomic_exchange_n(&l->told, 0, __ATOMIC_ACQ_REL);
    int err = told == 0 ? 0 : (told & NEW_SECRET) != 0 ? ERR_EXPIRED : look(a, l, told, address);
    if (err == 0)
        return 0;
    __atomic_fetch_or(&l->told, told, __ATOMIC_ACQ_REL); /* it is asked again, and said again */
    return err == ERR_SUSPENDED || err == ERR_EXPIRED ? err : 0;
}
