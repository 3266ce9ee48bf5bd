/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the admin API share. A handler is `int NAME(struct http_request *)`; r->arg is
 * the struct admin. */
#ifndef WEB_ADMIN_PRIVATE_H
#define WEB_ADMIN_PRIVATE_H

#include "base/err.h"
#include "http/request.h"
#include "web/admin.h"
#include "web/json_in.h"
#include "web/json_out.h"

enum { ADMIN_PAGE = 100, ADMIN_PAGE_MAX = 1000, ADMIN_BATCH_MAX = 1000 };

static inline struct admin *admin_of(struct http_request *r)
{
    return r->arg;
}

/* Answers with the row of `err` but words that say more. Returns HTTP_ANSWERED. */
int admin_fail(struct http_request *r, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Begins the answer: one object, to be filled and then ended with admin_done (which returns 0). */
struct json_out admin_begin(struct http_request *r, int status);
int admin_done(struct http_request *r, struct json_out *j);
/* {"ok":true} */
int admin_ok(struct http_request *r, int status);

/* domain=, after= and limit= of a listing. */
struct admin_page {
    struct span domain, after;
    size_t limit;
};
int admin_page(struct http_request *r, struct admin_page *out) MUST_CHECK;

/* "192.0.2.0/24"; "everywhere" for no bits. */
void admin_put_network(struct json_out *j, const char *key, struct ip_net net);

/* One request's handlers, by resource. */
int admin_domain_list(struct http_request *r);
int admin_domain_add(struct http_request *r);
int admin_domain_show(struct http_request *r);
int admin_domain_set(struct http_request *r);
int admin_domain_remove(struct http_request *r);
int admin_alias_domain_list(struct http_request *r);
int admin_alias_domain_add(struct http_request *r);
int admin_alias_domain_remove(struct http_request *r);

int admin_account_list(struct http_request *r);
int admin_account_add(struct http_request *r);
int admin_account_batch(struct http_request *r);
int admin_account_show(struct http_request *r);
int admin_account_set(struct http_request *r);
int admin_account_password(struct http_request *r);
int admin_account_suspend(struct http_request *r);
int admin_account_resume(struct http_request *r);
int admin_account_unlock(struct http_request *r);
int admin_account_remove(struct http_request *r);
int admin_account_restore(struct http_request *r);
int admin_account_purge(struct http_request *r);

int admin_alias_list(struct http_request *r);
int admin_alias_add(struct http_request *r);
int admin_alias_show(struct http_request *r);
int admin_alias_put(struct http_request *r);
int admin_alias_remove(struct http_request *r);

int admin_class_list(struct http_request *r);
int admin_class_add(struct http_request *r);
int admin_class_show(struct http_request *r);
int admin_class_set(struct http_request *r);
int admin_class_remove(struct http_request *r);

int admin_mailbox_list(struct http_request *r);
int admin_message_list(struct http_request *r);
int admin_message_show(struct http_request *r);
int admin_share_list(struct http_request *r);
int admin_share_add(struct http_request *r);
int admin_share_remove(struct http_request *r);
int admin_refusal_add(struct http_request *r);
int admin_refusal_remove(struct http_request *r);
int admin_expunged_list(struct http_request *r);
int admin_expunged_restore(struct http_request *r);
int admin_deliver(struct http_request *r);

int admin_status_show(struct http_request *r);
int admin_reload(struct http_request *r);
int admin_store_check(struct http_request *r);
int admin_metrics(struct http_request *r);

/* One new account with its mailbox; used by add and batch. `why` gets a sentence where the error's
 * own is not enough. ERR_EXISTS if the address is taken. */
struct admin_new_account {
    struct span address, password, password_hash, name, class_name;
};
int admin_account_make(struct admin *admin,
                       const struct admin_new_account *in,
                       struct arena *a,
                       struct buf *why,
                       struct span *address_out) MUST_CHECK;

#endif
