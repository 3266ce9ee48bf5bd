/* SPDX-License-Identifier: Apache-2.0 */
/* The directory: domains, accounts, aliases, classes of service.
 *
 * Addresses are kept in one normal form (directory/address.h): local part NFC and case-folded,
 * domain lower case U-labels. The account id never changes and is never used again. Everything is
 * in the store: domains, alias domains and classes in PART_DOMAINS, addresses in PART_DIRECTORY
 * sharded by hash. Thread-safe; functions block on the store. Texts in results live in the arena
 * given.
 *
 * A record that cannot be read is its owner's trouble only: functions about that address answer
 * ERR_CORRUPT, lists log it and go on. Lists over all addresses are not one snapshot: what was
 * there all the time is listed once.
 *
 * Errors besides the store's: ERR_BAD_ADDRESS, ERR_NO_DOMAIN (not served here), ERR_NO_USER,
 * ERR_EXISTS, ERR_NOT_FOUND (class), ERR_INVALID, ERR_FORMAT_NEWER (the record was written by a
 * newer program and is not changed), ERR_CONFLICT (the domain or class named is just being
 * removed).
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
    const char
        *sub_address; /* separator, "" or NULL for none; copied. ERR_INVALID: not fit for it */
    const char *postmaster; /* address that gets mail to postmaster where there is no account or
                             * alias of that name; "" or NULL for none; copied */
    int64_t remove_grace_ms;
};

int directory_new(const struct directory_options *options, struct directory **out) MUST_CHECK;
void directory_free(struct directory *d);

/* ---- classes of service ------------------------------------------------------------------ */

/* A value of 0 means no limit. Names: letters (lower-cased), digits, "-_.", at most 64. An empty
 * name asks for "default", which has no limits until it is changed. */
struct class_of_service {
    struct span name; /* "default" always exists */
    uint64_t quota_bytes;
    uint64_t quota_messages;
    uint64_t message_size;
    uint64_t send_per_hour;             /* messages an account may submit in an hour */
    uint64_t recipients_per_hour;       /* and recipients */
    uint64_t retention_days[USE_COUNT]; /* messages older than this leave that mailbox */
    uint64_t inactivity_days; /* no login for so long: the account is reported as inactive */
};

int class_put(struct directory *d, const struct class_of_service *c) MUST_CHECK; /* add or change */
int class_get(struct directory *d, struct span name, struct arena *a, struct class_of_service *out)
    MUST_CHECK;
int class_list(struct directory *d, struct arena *a, struct class_of_service **out, size_t *n_out)
    MUST_CHECK;

/* ERR_IN_USE while a domain or an account (also a removed one) refers to it; reads every account.
 * ERR_INVALID for "default". */
int class_remove(struct directory *d, struct span name) MUST_CHECK;

/* ---- domains ----------------------------------------------------------------------------- */

struct domain {
    struct span name;
    struct span alias_of;      /* empty: a domain of its own */
    struct span catch_all;     /* address that gets mail for unknown users; empty: none */
    struct span default_class; /* for new accounts */
    bool suspended;            /* no mail in, no logins */
    int64_t created_ms;
};

/* An alias domain stands for a domain of its own, has no addresses, catch-all or class itself
 * (ERR_INVALID), and its target must be there (ERR_NO_DOMAIN) and be none itself (ERR_INVALID). A
 * default class must be there (ERR_NOT_FOUND). `created_ms` is not read. */
int domain_add(struct directory *d, const struct domain *domain) MUST_CHECK; /* ERR_EXISTS */
/* Sets all fields. An alias domain may get another target, but neither kind can become the other.
 */
int domain_set(struct directory *d, const struct domain *domain) MUST_CHECK;
int domain_get(struct directory *d, struct span name, struct arena *a, struct domain *out)
    MUST_CHECK;
/* ERR_IN_USE while it has accounts (also removed ones), aliases or alias domains. Safe while others
 * add addresses: those are added before, or refused. Killed half-way it leaves the domain closed to
 * new addresses (ERR_CONFLICT) until it is removed or set again. */
int domain_remove(struct directory *d, struct span name) MUST_CHECK;
int domain_list(struct directory *d, struct arena *a, struct domain **out, size_t *n_out)
    MUST_CHECK;
/* The same in pages of at most `max`: those after the name `after` (empty: from the start). */
int domain_page(struct directory *d,
                struct span after,
                size_t max,
                struct arena *a,
                struct domain **out,
                size_t *n_out) MUST_CHECK;

/* ---- accounts ---------------------------------------------------------------------------- */

enum account_status {                      /* written to disk */
                      ACCOUNT_DAMAGED = 0, /* only in lists: the record cannot be read; only the
                                              address is known */
                      ACCOUNT_ACTIVE = 1,
                      ACCOUNT_SUSPENDED = 2, /* no login, no mail in */
                      ACCOUNT_REMOVED =
                          3, /* as suspended; purged after the grace time, until then restorable */
};

struct account {
    uint64_t id;
    struct span address; /* normal form: the username */
    struct span name;    /* of the person; may be empty */
    struct span class_name;
    enum account_status status;
    int64_t created_ms;
    int64_t removed_ms;
    bool purging; /* removed, and can no longer be restored: see account_purge_begin */
    uint64_t credentials_version; /* changes with every change of password */
    struct span credentials;      /* the auth room's own record; opaque here */
};

/* An id for a new account, never given before nor again, also after a crash.
 *
 * An account is made in two partitions, so in two steps, the mail first:
 *      account_id_reserve(d, &id)  ->  mailbox_account_create(mail, id, address)  ->
 * account_add(.id = id) so that nobody can log in to, or deliver into, an account that has no
 * mailboxes yet. Killed between, it leaves a mail partition that no address has: doing it all again
 * makes a new one. When account_add fails (ERR_EXISTS: somebody was faster), the caller destroys
 * the partition of its own id again. The partition knows its address, so strays can be told by
 * account_get(address).id != id. */
int account_id_reserve(struct directory *d, uint64_t *id_out) MUST_CHECK;

/* Adds an account, active: `a->address`, name, class_name (empty: the domain's), credentials are
 * read, and the id, which comes from account_id_reserve, or is made here if 0. ERR_EXISTS if the
 * address is taken by an account (also a removed one) or an alias; ERR_INVALID: the domain is an
 * alias domain, the name is over 255 bytes or no text, the credentials are over 64 KiB;
 * ERR_NOT_FOUND: no such class. */
int account_add(struct directory *d, const struct account *a, uint64_t *id_out) MUST_CHECK;
/* By its own address, any spelling of it, NOT through aliases or alias domains. */
int account_get(struct directory *d, struct span address, struct arena *a, struct account *out)
    MUST_CHECK;
/* Changes an account in one transaction: `change` edits *account (texts it sets must live in
 * `arena` or outlive the call) and returns 0, or an error to change nothing; it may be called
 * several times, each time with what is stored then, and must not call the directory or the store.
 * A changed `credentials` raises credentials_version. ERR_INVALID: address, id or times were
 * changed, or the status other than between active and suspended; ERR_NOT_FOUND: the new class is
 * not there. Works on removed ones too. */
int account_change(struct directory *d,
                   struct span address,
                   int (*change)(void *arg, struct arena *arena, struct account *account),
                   void *arg) MUST_CHECK;
/* Both may be done again, which changes nothing. A restored account is active or suspended as
 * before; ERR_INVALID: its purging has begun. */
int account_remove(struct directory *d, struct span address) MUST_CHECK;
int account_restore(struct directory *d, struct span address) MUST_CHECK;
/* The end of a removed account, in three steps, each of which may be done again:
 *      account_purge_begin(d, address, …, &id)  ->  mailbox_account_destroy(mail, id)  ->
 * account_purge(d, address)
 * so that nobody can restore an account whose mail is going or gone, neither while this happens nor
 * after a crash in the middle. ERR_INVALID: it is not removed, or was removed after that time
 * (INT64_MAX: whenever). */
int account_purge_begin(struct directory *d,
                        struct span address,
                        int64_t removed_until_ms,
                        uint64_t *id_out) MUST_CHECK;
/* Forgets the record for good. ERR_INVALID if its purging has not begun. A record that cannot be
 * read is forgotten whatever it was. */
int account_purge(struct directory *d, struct span address) MUST_CHECK;
/* The most entries one page of a list may have. */
enum { DIRECTORY_PAGE_MAX = 10000 };

/* Removed accounts whose grace time is over, those removed first first; at most `max`. Page by
 * passing the last one (its removed_ms and address); NULL: from the start. Costs what it finds. */
int account_expired_list(struct directory *d,
                         const struct account *after,
                         size_t max,
                         struct arena *a,
                         struct account **out,
                         size_t *n_out) MUST_CHECK;

/* Accounts in order of address (domain, then local part, as bytes), of one domain or (domain empty)
 * of all, after `after` (exclusive; empty: from the start); at most `max` (1 … DIRECTORY_PAGE_MAX,
 * else ERR_INVALID). Page by passing the last address; fewer than `max` is the end. */
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
    size_t targets_n;     /* 0 only in lists: the record cannot be read */
};

/* 1 … LIMIT_ALIAS_TARGETS targets (ERR_INVALID, ERR_LIMIT), each an address (ERR_BAD_ADDRESS) that
 * need not exist; their local parts are kept as written, doubles are left out. ERR_EXISTS: an
 * account has the address; ERR_INVALID: an alias domain; ERR_LOOP: its own target. */
int alias_put(struct directory *d, const struct alias *alias) MUST_CHECK; /* add or change */
/* ERR_NO_USER if there is none. */
int alias_get(struct directory *d, struct span address, struct arena *a, struct alias *out)
    MUST_CHECK;
int alias_remove(struct directory *d, struct span address) MUST_CHECK;
int alias_list(struct directory *d,
               struct span domain,
               struct span after,
               size_t max,
               struct arena *a,
               struct alias **out,
               size_t *n_out) MUST_CHECK;

/* ---- questions --------------------------------------------------------------------------- */

/* Who logs in as `username`: the full address of an account, or that with an alias domain of it.
 * Why not: ERR_BAD_ADDRESS (no @), ERR_NO_DOMAIN, ERR_NO_USER, ERR_DENIED (it is an alias or a
 * sub-address, not an account), ERR_SUSPENDED (and *out is filled in). The peer is told none of
 * this. */
int directory_login(struct directory *d, struct span username, struct arena *a, struct account *out)
    MUST_CHECK;

/* Where mail to `address` goes: aliases, alias domains, sub-addresses and the catch-all applied,
 * each final account once. */
struct destination {
    bool local;
    uint64_t account_id;    /* local */
    struct span address;    /* the account's, or the remote one */
    struct span class_name; /* local */
    struct span detail; /* what followed the separator of the address written to; may be empty */
};
struct resolution {
    struct destination *v;
    size_t n;
};
/* ERR_NO_DOMAIN (not ours), ERR_NO_USER, ERR_SUSPENDED (all its accounts are), ERR_LOOP (aliases in
 * a circle, or more than LIMIT_ALIAS_DEPTH), ERR_LIMIT (more than LIMIT_ALIAS_VISITS addresses to
 * look at), ERR_BAD_ADDRESS. "postmaster" without a domain, and of every domain (RFC 5321 §4.5.1),
 * resolves to the alias or account of that name, else to directory_options.postmaster, else like
 * any other.
 *
 * The first of these that exists counts: an account or alias of exactly this name, one of a base of
 * it (a+b+c: first a+b, then a), postmaster, the catch-all (whose own address must then exist:
 * catch-alls do not chain). A removed or suspended account exists: its mail never goes to a
 * catch-all. Targets of an alias that lead nowhere are passed over while another leads somewhere; a
 * damaged record on the way is ERR_CORRUPT for the whole, so that nobody loses mail. A detail in a
 * target counts before that of the address written to. */
int directory_resolve(struct directory *d,
                      struct span address,
                      struct arena *a,
                      struct resolution *out) MUST_CHECK;

/* May the account send as `address`: its own, in any alias domain, a sub-address of it, or an alias
 * that has the account among its targets (also through other aliases); not what only a catch-all
 * gives it. `account` is its own address. 0, ERR_NOT_YOUR_ADDRESS, or ERR_SUSPENDED: it or its
 * domain has been suspended or removed since it logged in. */
int directory_may_send(struct directory *d,
                       uint64_t account_id,
                       struct span account,
                       struct span address) MUST_CHECK;

#endif
