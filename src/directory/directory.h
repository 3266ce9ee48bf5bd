/* SPDX-License-Identifier: Apache-2.0 */
/* The directory: domains, accounts, aliases, classes of service.
 *
 * Addresses are kept in one normal form (directory/address.h): local part NFC and case-folded, domain
 * lower case U-labels. The account id never changes and is never used again. Everything is in the
 * store: domains, alias domains and classes in PART_DOMAINS, addresses in PART_DIRECTORY sharded by
 * hash. Thread-safe; functions block on the store. Texts in results live in the arena given.
 *
 * Errors besides the store's: ERR_BAD_ADDRESS, ERR_NO_DOMAIN (not served here), ERR_NO_USER,
 * ERR_EXISTS, ERR_NOT_FOUND (class), ERR_INVALID.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/special_use.h"
#include "store/store.h"

struct directory;

struct directory_options {
    struct store *store; /* borrowed, as the next two */
    struct clock *clock;
    struct rng *rng;
    const char *sub_address; /* separator, "" for none; copied */
    int64_t remove_grace_ms;
};

int directory_new(const struct directory_options *options, struct directory **out) MUST_CHECK;
void directory_free(struct directory *d);

/* ---- classes of service ------------------------------------------------------------------ */

/* A value of 0 means no limit. */
struct class_of_service {
    struct span name; /* "default" always exists */
    uint64_t quota_bytes;
    uint64_t quota_messages;
    uint64_t message_size;
    uint64_t send_per_hour;       /* messages an account may submit in an hour */
    uint64_t recipients_per_hour; /* and recipients */
    uint64_t retention_days[USE_COUNT]; /* messages older than this leave that mailbox */
    uint64_t inactivity_days;     /* no login for so long: the account is reported as inactive */
};

int class_put(struct directory *d, const struct class_of_service *c) MUST_CHECK; /* add or change */
int class_get(struct directory *d, struct span name, struct arena *a, struct class_of_service *out)
    MUST_CHECK;
int class_list(struct directory *d, struct arena *a, struct class_of_service **out, size_t *n_out)
    MUST_CHECK;

/* ---- domains ----------------------------------------------------------------------------- */

struct domain {
    struct span name;
    struct span alias_of;      /* empty: a domain of its own */
    struct span catch_all;     /* address that gets mail for unknown users; empty: none */
    struct span default_class; /* for new accounts */
    bool suspended;            /* no mail in, no logins */
    int64_t created_ms;
};

int domain_add(struct directory *d, const struct domain *domain) MUST_CHECK;
int domain_set(struct directory *d, const struct domain *domain) MUST_CHECK;
int domain_get(struct directory *d, struct span name, struct arena *a, struct domain *out) MUST_CHECK;
/* ERR_IN_USE while it has accounts, aliases or alias domains. */
int domain_remove(struct directory *d, struct span name) MUST_CHECK;
int domain_list(struct directory *d, struct arena *a, struct domain **out, size_t *n_out) MUST_CHECK;

/* ---- accounts ---------------------------------------------------------------------------- */

enum account_status { /* written to disk */
    ACCOUNT_ACTIVE = 1,
    ACCOUNT_SUSPENDED = 2, /* no login, no mail in */
    ACCOUNT_REMOVED = 3,   /* as suspended; purged after the grace time, until then restorable */
};

struct account {
    uint64_t id;
    struct span address; /* normal form: the username */
    struct span name;    /* of the person; may be empty */
    struct span class_name;
    enum account_status status;
    int64_t created_ms;
    int64_t removed_ms;
    uint64_t credentials_version; /* changes with every change of password */
    struct span credentials;      /* the auth room's own record; opaque here */
};

/* Adds an account: `a->address`, name, class_name (empty: the domain's), credentials are read; the id
 * is made here. ERR_EXISTS if the address is taken by an account (also a removed one) or an alias. */
int account_add(struct directory *d, const struct account *a, uint64_t *id_out) MUST_CHECK;
/* By its own address, any spelling of it, NOT through aliases or alias domains. */
int account_get(struct directory *d, struct span address, struct arena *a, struct account *out)
    MUST_CHECK;
/* Changes an account in one transaction: `change` edits *account (texts it sets must live in `arena`)
 * and returns 0, or an error to change nothing. A changed `credentials` raises credentials_version. */
int account_change(struct directory *d,
                   struct span address,
                   int (*change)(void *arg, struct arena *arena, struct account *account),
                   void *arg) MUST_CHECK;
int account_remove(struct directory *d, struct span address) MUST_CHECK;
int account_restore(struct directory *d, struct span address) MUST_CHECK;
/* Forgets the record for good (after the grace time; the caller has destroyed the mail before). */
int account_purge(struct directory *d, struct span address) MUST_CHECK;

/* Accounts in order of address, of one domain or (domain empty) of all, after `after` (exclusive; empty:
 * from the start); at most `max`. Page by passing the last address. */
int account_list(struct directory *d,
                 struct span domain,
                 struct span after,
                 size_t max,
                 struct arena *a,
                 struct account **out,
                 size_t *n_out) MUST_CHECK;

/* ---- aliases ----------------------------------------------------------------------------- */

struct alias {
    struct span address;
    struct span *targets; /* local or remote addresses */
    size_t targets_n;
};

int alias_put(struct directory *d, const struct alias *alias) MUST_CHECK; /* add or change */
int alias_get(struct directory *d, struct span address, struct arena *a, struct alias *out) MUST_CHECK;
int alias_remove(struct directory *d, struct span address) MUST_CHECK;
int alias_list(struct directory *d,
               struct span domain,
               struct span after,
               size_t max,
               struct arena *a,
               struct alias **out,
               size_t *n_out) MUST_CHECK;

/* ---- questions --------------------------------------------------------------------------- */

/* Who logs in as `username`: the full address of an account, or that with an alias domain of it. Why
 * not: ERR_BAD_ADDRESS (no @), ERR_NO_DOMAIN, ERR_NO_USER, ERR_DENIED (it is an alias or a sub-address,
 * not an account), ERR_SUSPENDED (and *out is filled in). The peer is told none of this. */
int directory_login(struct directory *d, struct span username, struct arena *a, struct account *out)
    MUST_CHECK;

/* Where mail to `address` goes: aliases, alias domains, sub-addresses and the catch-all applied, each
 * final account once. */
struct destination {
    bool local;
    uint64_t account_id;     /* local */
    struct span address;     /* the account's, or the remote one */
    struct span class_name;  /* local */
    struct span detail;      /* what followed the separator of the address written to; may be empty */
};
struct resolution {
    struct destination *v;
    size_t n;
};
/* ERR_NO_DOMAIN (not ours), ERR_NO_USER, ERR_SUSPENDED (all its accounts are), ERR_LOOP (aliases in a
 * circle, or more than LIMIT_ALIAS_DEPTH), ERR_BAD_ADDRESS. "postmaster" without a domain, and of
 * every domain (RFC 5321 §4.5.1), must resolve: to the alias or account of that name, else to the
 * account set as directory_postmaster, else ERR_NO_USER. */
int directory_resolve(struct directory *d, struct span address, struct arena *a, struct resolution *out)
    MUST_CHECK;

/* May the account send as `address`: its own, in any alias domain, a sub-address of it, or an alias
 * that has the account among its targets. 0 or ERR_NOT_YOUR_ADDRESS. */
int directory_may_send(struct directory *d, uint64_t account_id, struct span account, struct span address)
    MUST_CHECK;

#endif
