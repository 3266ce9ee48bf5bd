/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead domain …, alias-domain …, alias …: who gets mail under which name. */
#include "cli/api.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void set_text(struct cli *c, json_t *body, const char *member, const char *option)
{
    const char *value = cli_option(c, option);
    if (value != NULL)
        (void)json_object_set_new(body, member, json_string(value));
}

int verb_domain_add(struct cli *c)
{
    struct buf target;
    json_t *body = json_pack("{s:s}", "name", c->args[0]);
    set_text(c, body, "class", "--class");
    set_text(c, body, "catch_all", "--catch-all");
    api_target(&target, "/v1/domains");
    return api_do(c, "POST", &target, true, body, "Added %s", c->args[0]);
}

int verb_domain_set(struct cli *c)
{
    struct buf target;
    json_t *body = json_object();
    bool suspend = cli_option(c, "--suspend") != NULL, resume = cli_option(c, "--resume") != NULL;
    set_text(c, body, "class", "--class");
    set_text(c, body, "catch_all", "--catch-all");
    if (suspend || resume)
        (void)json_object_set_new(body, "suspended", json_boolean(suspend));
    if (json_object_size(body) == 0 || (suspend && resume)) {
        json_decref(body);
        return cli_usage(c, "say what to change: --class, --catch-all, --suspend or --resume");
    }
    api_target(&target, "/v1/domains/%", c->args[0]);
    return api_do(c, "PATCH", &target, true, body, "Changed %s", c->args[0]);
}

int verb_domain_remove(struct cli *c)
{
    struct buf target;
    api_target(&target, "/v1/domains/%", c->args[0]);
    return api_do(c, "DELETE", &target, false, NULL, "Removed %s", c->args[0]);
}

int verb_domain_list(struct cli *c)
{
    struct buf target;
    struct table t;
    json_t *answer, *d;
    size_t i;
    api_target(&target, "/v1/domains");
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    if (c->json) {
        api_print(c, answer);
    } else {
        table_init(&t, c->out,
                   (const char *const[]){"DOMAIN", "CLASS", "CATCH-ALL", "STATUS", NULL});
        json_array_foreach(json_object_get(answer, "domains"), i, d)
        {
            table_cell(&t, api_text(d, "name"));
            table_cell(&t, api_text(d, "class"));
            table_cell(&t, api_text(d, "catch_all"));
            table_cell(&t, json_is_true(json_object_get(d, "suspended")) ? "suspended" : "active");
        }
        table_done(&t, "There are no domains.");
    }
    json_decref(answer);
    return CLI_OK;
}

int verb_domain_show(struct cli *c)
{
    struct buf target;
    json_t *answer;
    char when[32];
    api_target(&target, "/v1/domains/%", c->args[0]);
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    json_t *d = json_object_get(answer, "domain");
    if (c->json) {
        api_print(c, answer);
    } else {
        fprintf(c->out, "Domain:     %s\n", api_text(d, "name"));
        if (json_object_get(d, "domain") != NULL)
            fprintf(c->out, "Alias of:   %s\n", api_text(d, "domain"));
        else
            fprintf(c->out, "Class:      %s\nCatch-all:  %s\nStatus:     %s\n",
                    api_text(d, "class"), api_text(d, "catch_all"),
                    json_is_true(json_object_get(d, "suspended")) ? "suspended" : "active");
        fprintf(c->out, "Created:    %s UTC\n", human_time(api_text(d, "created"), when));
    }
    json_decref(answer);
    return CLI_OK;
}

/* ---- alias domains ----------------------------------------------------------------------- */

int verb_alias_domain_add(struct cli *c)
{
    struct buf target;
    api_target(&target, "/v1/alias-domains");
    return api_do(c, "POST", &target, true,
                  json_pack("{s:s,s:s}", "name", c->args[0], "domain", c->args[1]),
                  "%s is another name of %s now", c->args[0], c->args[1]);
}

int verb_alias_domain_remove(struct cli *c)
{
    struct buf target;
    api_target(&target, "/v1/alias-domains/%", c->args[0]);
    return api_do(c, "DELETE", &target, false, NULL, "Removed %s", c->args[0]);
}

int verb_alias_domain_list(struct cli *c)
{
    struct buf target;
    struct table t;
    json_t *answer, *d;
    size_t i;
    api_target(&target, "/v1/alias-domains");
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    if (c->json) {
        api_print(c, answer);
    } else {
        table_init(&t, c->out, (const char *const[]){"ALIAS DOMAIN", "DOMAIN", NULL});
        json_array_foreach(json_object_get(answer, "alias_domains"), i, d)
        {
            table_cell(&t, api_text(d, "name"));
            table_cell(&t, api_text(d, "domain"));
        }
        table_done(&t, "There are no alias domains.");
    }
    json_decref(answer);
    return CLI_OK;
}

/* ---- aliases ----------------------------------------------------------------------------- */

int verb_alias_add(struct cli *c)
{
    struct buf target;
    json_t *targets = json_array();
    for (int i = 1; i < c->args_n; i++)
        if (json_array_append_new(targets, json_string(c->args[i])) != 0) {
            json_decref(targets);
            return cli_usage(c, "an argument is not UTF-8 text");
        }
    json_t *body = json_pack("{s:o}", "targets", targets);
    bool replace = cli_option(c, "--replace") != NULL;
    if (!replace)
        (void)json_object_set_new(body, "address", json_string(c->args[0]));
    api_target(&target, replace ? "/v1/aliases/%" : "/v1/aliases", c->args[0]);
    return api_do(c, replace ? "PUT" : "POST", &target, true, body, "%s goes to %d address%s now",
                  c->args[0], c->args_n - 1, c->args_n == 2 ? "" : "es");
}

int verb_alias_remove(struct cli *c)
{
    struct buf target;
    api_target(&target, "/v1/aliases/%", c->args[0]);
    return api_do(c, "DELETE", &target, false, NULL, "Removed %s", c->args[0]);
}

static void alias_row(struct table *t, json_t *alias)
{
    struct buf all;
    json_t *target;
    size_t i;
    buf_init(&all, 64 * 1024);
    json_array_foreach(json_object_get(alias, "targets"), i, target)
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", json_string_value(target));
    buf_putc(&all, '\0');
    table_cell(t, api_text(alias, "address"));
    table_cell(t, all.err == 0 ? all.p : "");
    buf_done(&all);
}

static void alias_rows(struct table *t, json_t *page)
{
    json_t *alias;
    size_t i;
    json_array_foreach(page, i, alias) alias_row(t, alias);
}

int verb_alias_list(struct cli *c)
{
    struct table t;
    table_init(&t, c->out, (const char *const[]){"ALIAS", "GOES TO", NULL});
    int code = api_pages(c, "/v1/aliases", "aliases", cli_option(c, "--domain"), alias_rows, &t);
    table_done(&t, c->json || code != CLI_OK ? NULL : "There are no aliases.");
    return code;
}

int verb_alias_show(struct cli *c)
{
    struct buf target;
    struct table t;
    json_t *answer;
    api_target(&target, "/v1/aliases/%", c->args[0]);
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    if (c->json) {
        api_print(c, answer);
    } else {
        table_init(&t, c->out, (const char *const[]){"ALIAS", "GOES TO", NULL});
        alias_row(&t, json_object_get(answer, "alias"));
        table_done(&t, NULL);
    }
    json_decref(answer);
    return CLI_OK;
}
