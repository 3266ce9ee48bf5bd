/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead class …: what accounts of a kind may use. */
#include "cli/api.h"
#include "cli/table.h"
#include "cli/units.h"
#include "cli/verbs.h"

static const struct {
    const char *option, *member, *title;
    bool bytes;
} limits[] = {
    {"--quota", "quota_bytes", "Quota", true},
    {"--quota-messages", "quota_messages", "Messages", false},
    {"--message-size", "message_size", "Largest message", true},
    {"--send-per-hour", "send_per_hour", "Sent in an hour", false},
    {"--recipients-per-hour", "recipients_per_hour", "Recipients in an hour", false},
    {"--inactivity-days", "inactivity_days", "Inactive after days", false},
};

static const char *const boxes[] = {"inbox", "sent", "drafts", "junk", "trash", "archive"};

/* "trash=30,junk=14" */
static int take_retention(struct cli *c, json_t *body, struct span text)
{
    while (text.n > 0) {
        struct span days = span_split(&text, ',');
        struct span name = span_split(&days, '=');
        uint64_t n = 0;
        size_t i = 0;
        while (i < COUNT_OF(boxes) && !span_ieq(name, span_str(boxes[i])))
            i++;
        if (i == COUNT_OF(boxes) || !units_parse(days, false, &n) || n > 36500)
            return cli_usage(c, "--keep-days takes mailboxes with days, like trash=30,junk=14");
        char member[64];
        snprintf(member, sizeof member, "retention_days_%s", boxes[i]);
        (void)json_object_set_new(body, member, json_integer((json_int_t)n));
    }
    return CLI_OK;
}

static int take_limits(struct cli *c, json_t *body)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        const char *text = cli_option(c, limits[i].option);
        uint64_t n = 0;
        if (text == NULL)
            continue;
        if (!units_parse(span_str(text), limits[i].bytes, &n) || n > INT64_MAX)
            return cli_usage(c, "%s: \"%s\" is not a %s", limits[i].option, text,
                             limits[i].bytes ? "size; write for example 2G, 500M or none"
                                             : "number; write for example 1000 or none");
        (void)json_object_set_new(body, limits[i].member, json_integer((json_int_t)n));
    }
    const char *keep = cli_option(c, "--keep-days");
    return keep != NULL ? take_retention(c, body, span_str(keep)) : CLI_OK;
}

static int put(struct cli *c, const char *method, const char *pattern, const char *did)
{
    struct buf target;
    json_t *body = json_object();
    int code = take_limits(c, body);
    if (code == CLI_OK && strcmp(method, "PATCH") == 0 && json_object_size(body) == 0)
        code = cli_usage(c, "say what to change");
    if (code != CLI_OK) {
        json_decref(body);
        return code;
    }
    if (strcmp(method, "POST") == 0)
        (void)json_object_set_new(body, "name", json_string(c->args[0]));
    api_target(&target, pattern, c->args[0]);
    return api_do(c, method, &target, true, body, "%s %s", did, c->args[0]);
}

int verb_class_add(struct cli *c)
{
    return put(c, "POST", "/v1/classes", "Added");
}

int verb_class_set(struct cli *c)
{
    return put(c, "PATCH", "/v1/classes/%", "Changed");
}

int verb_class_remove(struct cli *c)
{
    struct buf target;
    api_target(&target, "/v1/classes/%", c->args[0]);
    return api_do(c, "DELETE", &target, false, NULL, "Removed %s", c->args[0]);
}

static const char *limit_text(json_t *class, size_t i, char store[static 32])
{
    int64_t n = api_int(class, limits[i].member);
    if (n == 0)
        return "-";
    if (limits[i].bytes)
        return human_bytes((uint64_t)n, store);
    snprintf(store, 32, "%lld", (long long)n);
    return store;
}

int verb_class_list(struct cli *c)
{
    struct buf target;
    struct table t;
    json_t *answer, *class;
    size_t i;
    char text[32];
    api_target(&target, "/v1/classes");
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    if (c->json) {
        api_print(c, answer);
    } else {
        table_init(&t, c->out,
                   (const char *const[]){"CLASS", ">QUOTA", ">MESSAGES", ">LARGEST", ">SENT/HOUR",
                                         ">RCPT/HOUR", ">INACTIVE", NULL});
        json_array_foreach(json_object_get(answer, "classes"), i, class)
        {
            table_cell(&t, api_text(class, "name"));
            for (size_t k = 0; k < COUNT_OF(limits); k++)
                table_cell(&t, limit_text(class, k, text));
        }
        table_done(&t, NULL);
    }
    json_decref(answer);
    return CLI_OK;
}

int verb_class_show(struct cli *c)
{
    struct buf target;
    json_t *answer;
    char text[32], member[64];
    api_target(&target, "/v1/classes/%", c->args[0]);
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    json_t *class = json_object_get(answer, "class");
    if (c->json) {
        api_print(c, answer);
    } else {
        fprintf(c->out, "%-24s%s\n", "Class", api_text(class, "name"));
        for (size_t i = 0; i < COUNT_OF(limits); i++)
            fprintf(c->out, "%-24s%s\n", limits[i].title, limit_text(class, i, text));
        for (size_t i = 0; i < COUNT_OF(boxes); i++) {
            snprintf(member, sizeof member, "retention_days_%s", boxes[i]);
            int64_t days = api_int(class, member);
            if (days > 0)
                fprintf(c->out, "Days kept in %-11s%lld\n", boxes[i], (long long)days);
        }
    }
    json_decref(answer);
    return CLI_OK;
}
