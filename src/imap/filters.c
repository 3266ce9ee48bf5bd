/* SPDX-License-Identifier: Apache-2.0 */
/* Filters are private annotations of the server, /private/filters/values/NAME: shared ones there are none. */
#include "imap/metadata.h"
#include "imap/search_task.h"

#include "base/err.h"

#define FILTERS "/filters/values/"

int imap_filter_get(struct imap *i, struct span name, struct arena *a, struct span *out)
{
    struct mail_annotation_range range = {.user = i->account,
                                          .name = arena_printf(a, FILTERS "%.*s", SPAN_ARG(name))};
    struct mail_annotation *v;
    size_t n;
    bool more;
    if (range.name.p == NULL)
        return arena_err(a);
    int err = mailbox_annotations(i->server->mail, i->account, &range, a, &v, &n, &more);
    if (err == 0 && n == 0)
        err = ERR_NOT_FOUND;
    if (err == 0)
        *out = v[0].value;
    return err;
}

/* ---- are they right? ----------------------------------------------------------------------- */

static int any_keyword(void *arg, struct span name, uint32_t *id_out)
{
    (void)arg;
    (void)name;
    *id_out = 0;
    return ERR_NOT_FOUND;
}

/* It may be made later. */
static int any_filter(void *arg, struct span name, struct arena *a, struct span *out)
{
    (void)arg;
    (void)name;
    (void)a;
    *out = SPAN("ALL");
    return 0;
}

static int parse(struct imap *i, struct span criteria, struct arena *a)
{
    struct imap_selected none = {0};
    struct search_scope scope = {.box = &none,
                                 .now_ms = i->s.clock->wall_ms(i->s.clock),
                                 .keyword = any_keyword,
                                 .filter = any_filter};
    struct search_request request = {0};
    struct imap_arg *keys = NULL;
    numset_init(&none.uids);
    numset_init(&none.saved);
    int err = imap_args_parse(criteria, a, &keys);
    if (err == 0)
        err = search_parse_keys(keys, SPAN("UTF-8"), &scope, a, &request);
    search_key_done(request.program);
    numset_done(&none.uids);
    numset_done(&none.saved);
    return err;
}

int imap_filter_check(struct imap *i, const struct mail_annotation *a)
{
    struct span name = a->name;
    if (!span_skip(&name, SPAN(FILTERS)) || a->none)
        return 0;
    struct arena *memory = arena_new(SEARCH_PROGRAM_ARENA);
    int err = memory == NULL                ? ERR_NOMEM
              : search_is_filter_name(name) ? parse(i, a->value, memory)
                                            : ERR_INVALID;
    arena_free(memory);
    return err == ERR_INVALID || err == ERR_LIMIT ? ERR_UNSUPPORTED : err;
}
