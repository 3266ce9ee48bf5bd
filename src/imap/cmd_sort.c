/* SPDX-License-Identifier: Apache-2.0 */
/* SORT (RFC 5256 §3, RFC 5957; with return options RFC 5267 §3): SORT [RETURN (options)] (criteria) charset keys */
#include "imap/search_task.h"

static int take_criterion(struct search_task *t, const struct imap_arg **arg)
{
    static const struct {
        const char *name;
        enum sort_by by;
    } names[] = {
        {"ARRIVAL", SORT_ARRIVAL},
        {"CC", SORT_CC},
        {"DATE", SORT_DATE},
        {"FROM", SORT_FROM},
        {"SIZE", SORT_SIZE},
        {"SUBJECT", SORT_SUBJECT},
        {"TO", SORT_TO},
        {"DISPLAYFROM", SORT_DISPLAYFROM},
        {"DISPLAYTO", SORT_DISPLAYTO},
    };
    bool reverse = imap_arg_is(*arg, SPAN("REVERSE"));
    if (reverse)
        *arg = (*arg)->next;
    for (size_t n = 0; n < COUNT_OF(names); n++) {
        if (!imap_arg_is(*arg, span_str(names[n].name)))
            continue;
        if (t->criteria_n == LIMIT_SORT_KEYS)
            return ERR_LIMIT;
        t->criteria[t->criteria_n++] = (struct sort_criterion){names[n].by, reverse};
        *arg = (*arg)->next;
        return 0;
    }
    return ERR_INVALID;
}

static int sort_parse(struct imap *i, struct search_task *t, const struct imap_arg **arg)
{
    (void)i;
    int err = search_parse_return(arg, &t->request);
    const struct imap_arg *list = *arg;
    if (err == 0 && (list == NULL || list->kind != IMAP_LIST || list->child == NULL))
        err = ERR_INVALID;
    const struct imap_arg *criterion = err == 0 ? list->child : NULL;
    while (err == 0 && criterion != NULL)
        err = take_criterion(t, &criterion);
    if (err != 0)
        return err;
    if (!imap_arg_string(list->next, &t->charset) || t->charset.n == 0)
        return ERR_INVALID;
    *arg = list->next->next;
    return 0;
}

static int sort_begin(struct imap *i, struct search_task *t)
{
    return mailbox_sort_open(i->server->mail, t->box->account, t->box->id, &t->found, t->criteria,
                             t->criteria_n, &t->sort);
}

static int sort_more(struct search_task *t)
{
    int r = mailbox_sort_run(t->sort, search_unwanted, t);
    if (r == 0)
        t->sorted = mailbox_sort_result(t->sort, &t->sorted_end);
    return r;
}

enum step imap_cmd_sort(struct imap *i, const struct imap_arg *args)
{
    static const struct search_kind kind = {
        .name = "SORT",
        .parse = sort_parse,
        .order = sort_begin,
        .order_more = sort_more,
        .write = search_write,
    };
    return imap_search_begin(i, &kind, args);
}
