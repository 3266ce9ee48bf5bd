/* SPDX-License-Identifier: Apache-2.0 */
/* Questions: where does mail to an address go, who logs in, who may send as.
 *
 * Resolving is a depth-first walk over aliases. It is bounded three ways: by LIMIT_ALIAS_DEPTH, by
 * following an address once only (an alias reached by two ways gives its accounts once, and one
 * that is still open is a circle), and by LIMIT_ALIAS_VISITS targets in all, since a thicket of
 * aliases has many more ways than addresses. */
#include "directory/internal.h"

struct visit {
    struct visit *next;
    struct span address;
    bool open; /* on the way from the start to here */
};

struct walk {
    struct directory *d;
    struct arena *a;
    bool no_catch_all; /* only names that somebody has */
    bool in_nobody;    /* inside walk_nobody */
    bool any_status;   /* suspended ones too */
    bool suspended;    /* met one */
    unsigned looked_at;
    struct visit *visits;
    struct destination *v;
    size_t n;
    size_t cap;
};

static int walk_address(struct walk *w, struct span text, struct span detail, unsigned depth);

static int add_destination(struct walk *w, const struct destination *destination)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct destination *have = &w->v[i];
        if (have->local != destination->local)
            continue;
        if (have->local ? have->account_id == destination->account_id
                        : span_eq(have->address, destination->address))
            return 0;
    }
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 4 : w->cap * 2;
        struct destination *v = arena_array(w->a, cap, sizeof *v);
        if (v == NULL)
            return arena_err(w->a);
        if (w->n > 0)
            memcpy(v, w->v, w->n * sizeof *v);
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n++] = *destination;
    return 0;
}

/* The visit to close; with 0 and NULL it was visited before. */
static int visit_begin(struct walk *w, struct span address, struct visit **out)
{
    *out = NULL;
    for (const struct visit *v = w->visits; v != NULL; v = v->next)
        if (span_eq(v->address, address))
            return v->open ? ERR_LOOP : 0;
    struct visit *v = arena_alloc(w->a, sizeof *v);
    if (v == NULL)
        return arena_err(w->a);
    *v = (struct visit){w->visits, address, true};
    w->visits = v;
    *out = v;
    return 0;
}

static int walk_account(struct walk *w, const struct account *account, struct span detail)
{
    if (account->status != ACCOUNT_ACTIVE && !w->any_status) {
        w->suspended = true;
        return 0;
    }
    struct destination destination = {
        .local = true,
        .account_id = account->id,
        .address = account->address,
        .class_name = account->class_name,
        .detail = detail,
    };
    return add_destination(w, &destination);
}

static int
walk_targets(struct walk *w, const struct alias_record *alias, struct span detail, unsigned depth)
{
    int err = depth == LIMIT_ALIAS_DEPTH ? ERR_LOOP : 0;
    for (size_t i = 0; err == 0 && i < alias->targets_n; i++)
        err = walk_address(w, alias->targets[i], detail, depth + 1);
    return err;
}

/* What has exactly this name. 1: it was followed; 0: there is nothing. */
static int
walk_exact(struct walk *w, const struct address *address, struct span detail, unsigned depth)
{
    struct visit *visit;
    struct lookup found;
    int err = directory_lookup(w->d, address, w->a, &found);
    if (err != 0 || found.found == FOUND_NONE)
        return err;
    err = visit_begin(w, address->whole, &visit);
    if (visit == NULL)
        return err != 0 ? err : 1;
    err = found.found == FOUND_ACCOUNT ? walk_account(w, &found.account.account, detail)
                                       : walk_targets(w, &found.alias, detail, depth);
    visit->open = false;
    return err != 0 ? err : 1;
}

/* The longest base of a sub-address that exists. 1 or 0, as walk_exact. */
static int
walk_base(struct walk *w, const struct address *address, struct span detail, unsigned depth)
{
    size_t at = address->local.n;
    struct span base;
    struct span own;
    while (sub_address_split(w->d, address->local, &at, &base, &own)) {
        struct address shorter;
        int err = address_join(base, address->domain, w->a, &shorter);
        if (err != 0)
            return err;
        int got = walk_exact(w, &shorter, own.n > 0 ? own : detail, depth);
        if (got != 0)
            return got;
    }
    return 0;
}

static bool is_postmaster(struct span local)
{
    return span_eq(local, SPAN("postmaster"));
}

/* Names that nobody has: postmaster and the catch-all. Neither leads to either again. */
static int walk_nobody(struct walk *w,
                       const struct address *address,
                       const struct domain *domain,
                       struct span detail,
                       unsigned depth)
{
    if (w->in_nobody)
        return 0;
    if (depth == LIMIT_ALIAS_DEPTH)
        return ERR_LOOP;
    struct span postmaster = span_str(w->d->postmaster);
    size_t before = w->n;
    int err = 0;
    w->in_nobody = true;
    if (is_postmaster(address->local) && postmaster.n > 0)
        err = walk_address(w, postmaster, detail, depth + 1);
    if (err == 0 && w->n == before && domain->catch_all.n > 0 && !w->no_catch_all)
        err = walk_address(w, domain->catch_all, detail, depth + 1);
    w->in_nobody = false;
    return err;
}

static int walk_local(struct walk *w,
                      const struct address *address,
                      const struct domain *domain,
                      struct span detail,
                      unsigned depth)
{
    int got = walk_exact(w, address, detail, depth);
    if (got == 0)
        got = walk_base(w, address, detail, depth);
    if (got == 0)
        got = walk_nobody(w, address, domain, detail, depth);
    return got < 0 ? got : 0;
}

static int walk_address(struct walk *w, struct span text, struct span detail, unsigned depth)
{
    struct address address;
    struct domain_record domain;
    if (w->looked_at++ == LIMIT_ALIAS_VISITS)
        return ERR_LIMIT;
    int err = address_normalize(text, w->a, &address);
    if (err == 0)
        err = domain_lookup_own(w->d, address.domain, w->a, &domain);
    if (err == ERR_NO_DOMAIN && depth > 0) {
        struct destination remote = {.address = text};
        return add_destination(w, &remote);
    }
    if (err != 0)
        return err;
    if (domain.domain.suspended && !w->any_status) {
        w->suspended = true;
        return 0;
    }
    err = address_join(address.local, domain.domain.name, w->a, &address);
    return err != 0 ? err : walk_local(w, &address, &domain.domain, detail, depth);
}

int directory_resolve(struct directory *d,
                      struct span address,
                      struct arena *a,
                      struct resolution *out)
{
    struct walk w = {.d = d, .a = a};
    struct span postmaster = span_str(d->postmaster);
    int err;
    if (span_ieq(address, SPAN("postmaster")))
        err = postmaster.n > 0 ? walk_address(&w, postmaster, SPAN_EMPTY, 1) : ERR_NO_USER;
    else
        err = walk_address(&w, address, SPAN_EMPTY, 0);
    if (err == 0 && w.n == 0)
        err = w.suspended ? ERR_SUSPENDED : ERR_NO_USER;
    if (err == 0)
        *out = (struct resolution){w.v, w.n};
    return err;
}

/* ---- who logs in, who may send ------------------------------------------------------------ */

/* ERR_DENIED if the name is one that only mail may be sent to. */
static int why_no_login(struct directory *d, const struct address *address, struct arena *a)
{
    size_t at = address->local.n;
    struct span base;
    struct span detail;
    while (sub_address_split(d, address->local, &at, &base, &detail)) {
        struct address shorter;
        struct lookup found;
        int err = address_join(base, address->domain, a, &shorter);
        if (err == 0)
            err = directory_lookup(d, &shorter, a, &found);
        if (err != 0)
            return err;
        if (found.found != FOUND_NONE)
            return ERR_DENIED;
    }
    return ERR_NO_USER;
}

int directory_login(struct directory *d, struct span username, struct arena *a, struct account *out)
{
    struct address address;
    struct domain_record domain;
    struct lookup found;
    int err = address_normalize(username, a, &address);
    if (err == 0)
        err = domain_lookup_own(d, address.domain, a, &domain);
    if (err == 0)
        err = address_join(address.local, domain.domain.name, a, &address);
    if (err == 0)
        err = directory_lookup(d, &address, a, &found);
    if (err != 0)
        return err;
    if (found.found == FOUND_ALIAS)
        return ERR_DENIED;
    if (found.found == FOUND_NONE)
        return why_no_login(d, &address, a);
    *out = found.account.account;
    return domain.domain.suspended || out->status != ACCOUNT_ACTIVE ? ERR_SUSPENDED : 0;
}

int directory_may_send(struct directory *d,
                       uint64_t account_id,
                       struct span account,
                       struct span address)
{
    struct arena *a = arena_new(DIRECTORY_SCRATCH);
    if (a == NULL)
        return ERR_NOMEM;
    struct walk w = {.d = d, .a = a, .no_catch_all = true, .any_status = true};
    struct account self;
    int err = directory_login(d, account, a, &self);
    if (err == 0)
        err =
            self.id != account_id ? ERR_NOT_YOUR_ADDRESS : walk_address(&w, address, SPAN_EMPTY, 0);
    bool among = false;
    for (size_t i = 0; err == 0 && i < w.n; i++)
        among = among || (w.v[i].local && w.v[i].account_id == account_id);
    if (err == 0 && !among)
        err = ERR_NOT_YOUR_ADDRESS;
    switch (err) { /* what the address is instead is not the sender's business */
    case ERR_BAD_ADDRESS:
    case ERR_NO_DOMAIN:
    case ERR_NO_USER:
    case ERR_DENIED:
    case ERR_LOOP:
    case ERR_LIMIT: err = ERR_NOT_YOUR_ADDRESS; break;
    default: break;
    }
    arena_free(a);
    return err;
}
