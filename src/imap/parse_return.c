/* SPDX-License-Identifier: Apache-2.0 */
/* "RETURN (options)" of SEARCH, SORT and ESEARCH. */
#include "imap/parse_search.h"

static const struct imap_arg *take(const struct imap_arg **arg)
{
    const struct imap_arg *a = *arg;
    if (a != NULL)
        *arg = a->next;
    return a;
}

static int take_option(const struct imap_arg **arg, struct search_request *r)
{
    static const struct {
        const char *name;
        unsigned bit;
    } options[] = {{"MIN", RETURN_MIN},       {"MAX", RETURN_MAX},   {"ALL", RETURN_ALL},
                   {"COUNT", RETURN_COUNT},   {"SAVE", RETURN_SAVE}, {"PARTIAL", RETURN_PARTIAL},
                   {"UPDATE", RETURN_UPDATE}, {"CONTEXT", 0}};
    const struct imap_arg *name = take(arg);
    size_t i = 0;
    while (i < COUNT_OF(options) && !imap_arg_is(name, span_str(options[i].name)))
        i++;
    if (i == COUNT_OF(options))
        return ERR_INVALID;
    if (options[i].bit == RETURN_PARTIAL) {
        const struct imap_arg *range = take(arg);
        if ((r->returns & RETURN_PARTIAL) != 0 || range == NULL || range->kind != IMAP_ATOM ||
            !fetch_page_parse(range->text, &r->page))
            return ERR_INVALID;
        r->page_text = range->text;
    }
    r->returns |= options[i].bit;
    if (options[i].bit == RETURN_UPDATE && *arg != NULL && (*arg)->kind == IMAP_LIST)
        r->items = take(arg);
    return 0;
}

int search_parse_return(const struct imap_arg **arg, struct search_request *out)
{
    int err = 0;
    if (!imap_arg_is(*arg, SPAN("RETURN")))
        return 0;
    (void)take(arg);
    const struct imap_arg *list = take(arg);
    if (list == NULL || list->kind != IMAP_LIST)
        return ERR_INVALID;
    out->extended = true;
    for (const struct imap_arg *option = list->child; err == 0 && option != NULL;)
        err = take_option(&option, out);
    if (out->returns == 0) /* RFC 4731 §3.1 */
        out->returns = RETURN_ALL;
    if ((out->returns & RETURN_ALL) != 0 &&
        (out->returns & RETURN_PARTIAL) != 0) /* RFC 9394 §3.1 */
        err = ERR_INVALID;
    return err;
}
