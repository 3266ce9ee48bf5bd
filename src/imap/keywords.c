/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords by their names. The account's list is read once for a command: one that names twenty thousand would else read
 * a thousand rows for each. */
#include "imap/internal.h"

#include "base/err.h"

enum { LIST_ARENA = LIMIT_KEYWORDS * (LIMIT_KEYWORD + 64) + 64 * 1024 };

void imap_keyword_list_done(struct imap_keyword_list *list)
{
    arena_free(list->arena);
    *list = (struct imap_keyword_list){.arena = NULL};
}

static int list_read(struct imap *i, struct imap_keyword_list *list, account_id account)
{
    struct span *names;
    size_t n;
    if (list->arena == NULL)
        list->arena = arena_new(LIST_ARENA);
    if (list->arena == NULL)
        return ERR_NOMEM;
    arena_reset(list->arena);
    list->v = NULL;
    int err = mailbox_keywords(i->server->mail, account, list->arena, &names, &n);
    if (err != 0)
        return err;
    list->v = arena_array(list->arena, LIMIT_KEYWORDS, sizeof *list->v);
    if (list->v == NULL)
        return arena_err(list->arena);
    list->n = n < LIMIT_KEYWORDS ? n : LIMIT_KEYWORDS;
    memcpy(list->v, names, list->n * sizeof *names);
    list->account = account;
    return 0;
}

int imap_keyword_find(struct imap *i,
                      struct imap_keyword_list *list,
                      account_id account,
                      struct span name,
                      bool add,
                      uint32_t *id_out)
{
    if (name.n > LIMIT_KEYWORD)
        return add ? ERR_LIMIT : ERR_NOT_FOUND;
    int err = list->v == NULL || list->account != account ? list_read(i, list, account) : 0;
    for (size_t k = 0; err == 0 && k < list->n; k++) {
        if (list->v[k].n == 0 || !span_ieq(list->v[k], name))
            continue;
        *id_out = (uint32_t)k;
        return 0;
    }
    if (err != 0)
        return err;
    if (!add)
        return mailbox_keyword_is_name(name) ? ERR_NOT_FOUND : ERR_INVALID;
    err = mailbox_keyword(i->server->mail, account, name, imap_keyword_add(i, account), id_out);
    if (err == 0 && *id_out < LIMIT_KEYWORDS) { /* others may have put some between */
        while (list->n <= *id_out)
            list->v[list->n++] = SPAN_EMPTY;
        list->v[*id_out] = name;
    }
    return err;
}
