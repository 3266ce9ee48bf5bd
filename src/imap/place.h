/* SPDX-License-Identifier: Apache-2.0 */
/* Where a mailbox name leads: to a mailbox of the user's own, or below "Other Users/" to one that somebody else shares
 * with him (RFC 2342, RFC 4314). "Other Users/anna@example.org/Work" is Work of Anna; in that level "%" is written
 * %25 and "/" %2F, as in a URL. Private to the room. */
#ifndef IMAP_PLACE_H
#define IMAP_PLACE_H

#include "imap/internal.h"
#include "mailbox/acl.h"

#define IMAP_OTHERS "Other Users"

struct imap_place {
    account_id account;
    struct span owner; /* address; empty: the user himself */
    struct span name;  /* in that account; empty: no mailbox, but the level of the account itself */
    uint32_t rights;   /* enum mail_right: what the user may do with `box` */
    struct mailbox
        box; /* its name is the whole one. Another's special uses are not the user's: it has none */
};

/* Is it, or what is below it, not of the user's own? */
bool imap_place_is_others(struct span name);
/* The name as the mailbox room knows it: INBOX in any case, also above others (RFC 9051 §5.1). In the arena. */
struct span imap_place_canonical(struct arena *a, struct span name);
/* The same of what may be the prefix of a namespace (RFC 2342), "Other Users/": its mailbox, or level. */
struct span imap_place_prefix(struct arena *a, struct span name);
/* Whose it is and what it is called there; not `rights` and `box`. ERR_NOT_FOUND: nobody of that name shares anything
 * with the user. In the session's arena. */
int imap_place_of(struct imap *i, struct span name, struct imap_place *out) MUST_CHECK;
/* The mailbox a command names. ERR_NOT_FOUND: there is none, or the user may not know of it. */
int imap_place_find(struct imap *i, const struct imap_arg *arg, struct imap_place *out) MUST_CHECK;
int imap_place_find_name(struct imap *i, struct span name, struct imap_place *out) MUST_CHECK;
/* The nearest mailbox above it that exists (RFC 4314 §4, CREATE), also one that the user may not know of: then without
 * rights. ERR_NOT_FOUND. */
int imap_place_parent(struct imap *i,
                      const struct imap_place *at,
                      struct imap_place *out) MUST_CHECK;
/* Has the user all of these rights? ERR_DENIED; ERR_NOT_FOUND to one who may not even know that it is there (RFC 4314
 * §6). */
int imap_place_needs(const struct imap_place *p, uint32_t rights) MUST_CHECK;
/* The same of the rights as they are now: the user was told of them, and what he does takes its time. */
int imap_place_still(struct imap *i, account_id account, struct mailbox_id mailbox, uint32_t rights)
    MUST_CHECK;
/* The limits of its owner's class, as they are now: a session may last for days. ERR_NO_USER: the user's own account was
 * purged; ERR_SUSPENDED: the owner's account is removed, and takes nothing in. */
int imap_place_class(struct imap *i,
                     const struct imap_place *p,
                     struct class_of_service *out) MUST_CHECK;
/* The whole name of a mailbox `name` of `owner`; in the arena. */
struct span imap_place_name(struct arena *a, struct span owner, struct span name);
/* A MYRIGHTS response (RFC 4314 §3.8). */
void imap_write_myrights(struct imap *i, struct span name, uint32_t rights);
/* The same of an account that shares something with the user; of its address. ERR_NOT_FOUND. */
int imap_place_whole(struct imap *i, account_id account, struct span name, struct span *out)
    MUST_CHECK;
/* Of the flags that a message would get there, those it will not, because the user may not set them (RFC 4314 §4). */
uint32_t imap_flags_denied(uint32_t rights);

#endif
