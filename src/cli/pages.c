/* SPDX-License-Identifier: Apache-2.0 */
/* Listings that come in pages. With --json they are one object again, written as the pages come, so
 * that neither form keeps more than a page. */
#include "cli/api.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "http/request.h"

static void print_items(struct cli *c, json_t *items, bool *first)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        fputs(*first ? "" : ",", c->out);
        *first = false;
        (void)json_dumpf(item, c->out, JSON_COMPACT);
    }
}

int api_pages(struct cli *c,
              const char *path,
              const char *member,
              const char *domain,
              void (*rows)(struct table *t, json_t *page),
              struct table *t)
{
    struct buf after;
    bool first = true;
    int code = CLI_OK;
    buf_init(&after, 4096);
    for (bool more = true; more && code == CLI_OK;) {
        struct buf target;
        json_t *answer = NULL;
        api_target(&target, path);
        buf_puts(&target, strchr(path, '?') != NULL ? "&limit=500&after=" : "?limit=500&after=");
        http_encode(&target, buf_span(&after));
        if (domain != NULL) {
            buf_puts(&target, "&domain=");
            http_encode(&target, span_str(domain));
        }
        code = api_call(c, "GET", &target, false, NULL, &answer);
        if (code != CLI_OK)
            break;
        json_t *page = json_object_get(answer, member);
        if (c->json) {
            if (first)
                fprintf(c->out, "{\"%s\":[", member);
            print_items(c, page, &first);
        } else {
            rows(t, page);
            table_flush(t);
        }
        buf_clear(&after);
        buf_puts(&after, api_text(answer, "next"));
        more = after.n > 0;
        if (c->json && first && !more)
            first = false;
        json_decref(answer);
    }
    if (c->json && code == CLI_OK)
        fputs("]}\n", c->out);
    buf_done(&after);
    return code;
}
