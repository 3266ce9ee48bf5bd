/* SPDX-License-Identifier: Apache-2.0 */
/* Who is logged in: so that an open session hears when its account may not be used any more.
 *
 *   auth_login_begin -> (auth_login_told -> auth_login_check)… -> auth_login_end
 *
 * A session keeps a struct auth_login from its login to its logout. Whoever suspends or removes the account, or gives it
 * another password, has told it before auth_forget, auth_forget_domain or auth_password_changed returns: its waker is
 * posted to, and auth_login_told is true from then on. Only then does the session look in the directory; as long as
 * nothing happens a command costs one load. A change between the password's being looked at and auth_login_begin is
 * seen as well.
 *
 * Entries are in a table in memory, in buckets by account, each with its own lock, a leaf under which wakers are posted
 * to. begin, check and end belong to the session's thread. */
#ifndef AUTH_LOGINS_H
#define AUTH_LOGINS_H

#include "auth/auth.h"

struct auth_login {
    struct auth_login *next,
        **at;   /* in its bucket; neighbours that go change both, under its lock */
    bool begun; /* the session's: somebody is logged in */
    uint64_t account, version;
    uint32_t domain; /* hash */
    unsigned told;   /* atomic */
    struct waker *waker;
};

/* `waker` is the session's own and outlives the entry; NULL: it looks by itself. */
void auth_login_begin(struct auth *a,
                      const struct auth_result *result,
                      struct waker *waker,
                      struct auth_login *out);
/* Nothing, where nobody is logged in. */
void auth_login_end(struct auth *a, struct auth_login *l);

static inline bool auth_login_told(const struct auth_login *l)
{
    return __atomic_load_n(&l->told, __ATOMIC_ACQUIRE) != 0;
}

/* May it go on? `address` is the account's. 0; ERR_SUSPENDED: it is suspended or removed, or its domain suspended;
 * ERR_EXPIRED: the password is another one. When the store cannot say it may, and is told again. */
int auth_login_check(struct auth *a, struct auth_login *l, struct span address) MUST_CHECK;

#endif
