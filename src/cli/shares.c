/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead mail share, shares, unshare, refuse, accept: with whom an account shares its mailboxes, and whose it wants to see. */
#include "cli/api.h"
#include "cli/table.h"
#include "cli/verbs.h"

#include <string.h>

static void print_list(struct cli *c, const char *begin, const json_t *list)
{
    json_t *m;
    size_t i;
    json_array_foreach(list, i, m)
        fprintf(c->out, "%s%s", i == 0 ? begin : ", ", json_string_value(m));
    if (json_array_size(list) > 0)
        fputc('\n', c->out);
}

int verb_mail_shares(struct cli *c)
{
    struct buf target;
    struct table t;
    json_t *answer, *m;
    size_t i;
    api_target(&target, "/v1/accounts/%/shares", c->args[0]);
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    if (c->json) {
        api_print(c, answer);
        json_decref(answer);
        return CLI_OK;
    }
    table_init(&t, c->out, (const char *const[]){"MAILBOX", "USER", "RIGHTS", "DENIED", NULL});
    json_array_foreach(json_object_get(answer, "shares"), i, m)
    {
        table_cell(&t, api_text(m, "mailbox"));
        table_cell(&t, api_text(m, "user"));
        table_cell(&t, api_text(m, "rights"));
        table_cell(&t, api_text(m, "denied"));
    }
    table_done(&t, "No mailbox is shared with anybody.");
    print_list(c, "\nSees mailboxes of: ", json_object_get(answer, "sharers"));
    print_list(c, "\nRefuses mailboxes of: ", json_object_get(answer, "refuses"));
    if (json_is_true(json_object_get(answer, "refuses_all")))
        fputs("\nRefuses mailboxes of all others, but for those it accepts.\n", c->out);
    print_list(c, "\nAccepts mailboxes of: ", json_object_get(answer, "accepts"));
    json_decref(answer);
    return CLI_OK;
}

/* What people say, as rights of RFC 4314. */
static const char *rights_of(const char *word)
{
    if (strcmp(word, "read") == 0)
        return "lrs";
    if (strcmp(word, "write") == 0)
        return "lrswite";
    return strcmp(word, "all") == 0 ? "lrswikxtea" : word;
}

int verb_mail_share(struct cli *c)
{
    struct buf target;
    const char *rights = rights_of(c->args_n > 3 ? c->args[3] : "read");
    json_t *body =
        json_pack("{s:s,s:s,s:s}", "mailbox", c->args[1], "user", c->args[2], "rights", rights);
    api_target(&target, "/v1/accounts/%/shares", c->args[0]);
    return api_do(c, "POST", &target, true, body, "%s is shared with %s (%s)", c->args[1],
                  c->args[2], rights);
}

int verb_mail_unshare(struct cli *c)
{
    struct buf target;
    api_target(&target, "/v1/accounts/%/shares?mailbox=%&user=%", c->args[0], c->args[1],
               c->args[2]);
    return api_do(c, "DELETE", &target, false, NULL, "%s is not shared with %s any more",
                  c->args[1], c->args[2]);
}

/* One owner, or --all; not both. */
static int whom(struct cli *c, bool *all)
{
    *all = cli_option(c, "--all") != NULL;
    if (*all == (c->args_n > 1))
        return cli_usage(c, "Say whose mailboxes: OWNER, or --all");
    return CLI_OK;
}

int verb_mail_refuse(struct cli *c)
{
    struct buf target;
    bool all;
    int code = whom(c, &all);
    if (code != CLI_OK)
        return code;
    json_t *body = all ? json_pack("{s:b}", "all", 1) : json_pack("{s:s}", "owner", c->args[1]);
    api_target(&target, "/v1/accounts/%/refusals", c->args[0]);
    return api_do(c, "POST", &target, true, body, "%s sees no mailboxes of %s any more", c->args[0],
                  all ? "others" : c->args[1]);
}

int verb_mail_accept(struct cli *c)
{
    struct buf target;
    bool all;
    int code = whom(c, &all);
    if (code != CLI_OK)
        return code;
    if (all)
        api_target(&target, "/v1/accounts/%/refusals?all=yes", c->args[0]);
    else
        api_target(&target, "/v1/accounts/%/refusals?owner=%", c->args[0], c->args[1]);
    return api_do(c, "DELETE", &target, false, NULL, "%s sees what %s shares with it", c->args[0],
                  all ? "anybody" : c->args[1]);
}
