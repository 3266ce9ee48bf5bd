/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the verbs' table, and what several of them share. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/cli.h"

struct table;

/* A listing in pages: `rows` adds each page to the table `t`; with --json it is printed instead.
 * `domain` may be NULL. */
int api_pages(struct cli *c,
              const char *path,
              const char *member,
              const char *domain,
              void (*rows)(struct table *t, json_t *page),
              struct table *t);

int verb_init(struct cli *c);
int verb_serve(struct cli *c);
int verb_check_config(struct cli *c);
int verb_status(struct cli *c);
int verb_reload(struct cli *c);
int verb_metrics(struct cli *c);
int verb_store_check(struct cli *c);
int verb_help(struct cli *c);
int verb_completion(struct cli *c);

int verb_domain_add(struct cli *c);
int verb_domain_list(struct cli *c);
int verb_domain_show(struct cli *c);
int verb_domain_set(struct cli *c);
int verb_domain_remove(struct cli *c);
int verb_alias_domain_add(struct cli *c);
int verb_alias_domain_list(struct cli *c);
int verb_alias_domain_remove(struct cli *c);

int verb_account_add(struct cli *c);
int verb_account_list(struct cli *c);
int verb_account_show(struct cli *c);
int verb_account_set(struct cli *c);
int verb_account_password(struct cli *c);
int verb_account_suspend(struct cli *c);
int verb_account_resume(struct cli *c);
int verb_account_unlock(struct cli *c);
int verb_account_remove(struct cli *c);
int verb_account_restore(struct cli *c);
int verb_account_import(struct cli *c);

int verb_alias_add(struct cli *c);
int verb_alias_list(struct cli *c);
int verb_alias_show(struct cli *c);
int verb_alias_remove(struct cli *c);

int verb_class_add(struct cli *c);
int verb_class_set(struct cli *c);
int verb_class_list(struct cli *c);
int verb_class_show(struct cli *c);
int verb_class_remove(struct cli *c);

int verb_quarantine_list(struct cli *c);
int verb_quarantine_show(struct cli *c);
int verb_quarantine_release(struct cli *c);

int verb_mail_list(struct cli *c);
int verb_mail_show(struct cli *c);
int verb_mail_deliver(struct cli *c);
int verb_mail_restore(struct cli *c);
int verb_mail_share(struct cli *c);
int verb_mail_shares(struct cli *c);
int verb_mail_unshare(struct cli *c);
int verb_mail_refuse(struct cli *c);
int verb_mail_accept(struct cli *c);

#endif
