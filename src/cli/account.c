/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead account …: one account at a time. The import of many is in cli/import.c. */
#include "base/limits.h"
#include "base/random.h"
#include "cli/api.h"
#include "cli/table.h"
#include "cli/verbs.h"

/* Four groups of five out of 32 signs that cannot be taken for one another: 100 bits, and it can be
 * read out on the telephone. */
static void make_password(char to[static 24])
{
    static const char signs[] = "abcdefghijkmnpqrstuvwxyz23456789";
    size_t n = 0;
    for (int i = 0; i < 20; i++) {
        if (i > 0 && i % 5 == 0)
            to[n++] = '-';
        to[n++] = signs[rng_below(rng_system(), sizeof signs - 1)];
    }
    to[n] = '\0';
}

/* The first line of standard input. */
static int read_password(struct cli *c, char *to, size_t size)
{
    if (fgets(to, (int)size, c->in) == NULL)
        return cli_fail(c, "there is no password on standard input");
    size_t n = strcspn(to, "\r\n");
    if (n + 1 == size)
        return cli_fail(c, "the password is longer than %d bytes", LIMIT_PASSWORD);
    to[n] = '\0';
    return n > 0 ? CLI_OK : cli_fail(c, "the password on standard input is empty");
}

/* Puts the password or hash that the options name into `body`; `made` gets a generated one. */
static int take_password(struct cli *c, json_t *body, char made[static 24])
{
    const char *hash = cli_option(c, "--password-hash");
    bool from_stdin = cli_option(c, "--password-stdin") != NULL;
    made[0] = '\0';
    if (hash != NULL && from_stdin)
        return cli_usage(c, "give --password-stdin or --password-hash, not both");
    if (hash != NULL)
        return json_object_set_new(body, "password_hash", json_string(hash)) == 0
                   ? CLI_OK
                   : cli_usage(c, "the hash is not text");
    char typed[LIMIT_PASSWORD + 2];
    const char *password = made;
    if (from_stdin) {
        int code = read_password(c, typed, sizeof typed);
        if (code != CLI_OK)
            return code;
        password = typed;
    } else {
        make_password(made);
    }
    int set = json_object_set_new(body, "password", json_string(password));
    explicit_bzero(typed, sizeof typed);
    return set == 0 ? CLI_OK : cli_fail(c, "the password is not UTF-8 text");
}

/* Says what was done; with a generated password that too (it is nowhere else). */
static int
done(struct cli *c, json_t *answer, const char *address, const char *made, const char *did)
{
    if (c->json) {
        if (made[0] != '\0')
            (void)json_object_set_new(answer, "password", json_string(made));
        api_print(c, answer);
    } else {
        fprintf(c->out, "%s %s\n", did, address);
        if (made[0] != '\0')
            fprintf(c->out, "Password: %s\n", made);
    }
    json_decref(answer);
    return CLI_OK;
}

static void set_text(struct cli *c, json_t *body, const char *member, const char *option)
{
    const char *value = cli_option(c, option);
    if (value != NULL)
        (void)json_object_set_new(body, member, json_string(value));
}

int verb_account_add(struct cli *c)
{
    char made[24];
    json_t *answer, *body = json_pack("{s:s}", "address", c->args[0]);
    if (body == NULL)
        return cli_usage(c, "the address is not UTF-8 text");
    set_text(c, body, "class", "--class");
    set_text(c, body, "name", "--name");
    int code = take_password(c, body, made);
    if (code != CLI_OK) {
        json_decref(body);
        return code;
    }
    struct buf target;
    api_target(&target, "/v1/accounts");
    code = api_call(c, "POST", &target, true, body, &answer);
    return code != CLI_OK ? code : done(c, answer, c->args[0], made, "Added");
}

int verb_account_password(struct cli *c)
{
    char made[24];
    json_t *answer, *body = json_object();
    int code = take_password(c, body, made);
    if (code != CLI_OK) {
        json_decref(body);
        return code;
    }
    struct buf target;
    api_target(&target, "/v1/accounts/%/password", c->args[0]);
    code = api_call(c, "PUT", &target, true, body, &answer);
    return code != CLI_OK ? code : done(c, answer, c->args[0], made, "New password for");
}

int verb_account_set(struct cli *c)
{
    struct buf target;
    json_t *body = json_object();
    set_text(c, body, "class", "--class");
    set_text(c, body, "name", "--name");
    if (json_object_size(body) == 0) {
        json_decref(body);
        return cli_usage(c, "say what to change: --class or --name");
    }
    api_target(&target, "/v1/accounts/%", c->args[0]);
    return api_do(c, "PATCH", &target, true, body, "Changed %s", c->args[0]);
}

static int act(struct cli *c, const char *method, const char *pattern, const char *did)
{
    struct buf target;
    api_target(&target, pattern, c->args[0]);
    return api_do(c, method, &target, false, NULL, "%s %s", did, c->args[0]);
}

int verb_account_suspend(struct cli *c)
{
    return act(c, "POST", "/v1/accounts/%/suspend", "Suspended");
}

int verb_account_resume(struct cli *c)
{
    return act(c, "POST", "/v1/accounts/%/resume", "Resumed");
}

int verb_account_unlock(struct cli *c)
{
    return act(c, "POST", "/v1/accounts/%/unlock", "Unlocked");
}

int verb_account_restore(struct cli *c)
{
    return act(c, "POST", "/v1/accounts/%/restore", "Restored");
}

int verb_account_remove(struct cli *c)
{
    if (cli_option(c, "--purge") == NULL)
        return act(c, "DELETE", "/v1/accounts/%",
                   "Removed (mailstead account restore takes it back)");
    struct buf target;
    api_target(&target, "/v1/accounts/%", c->args[0]);
    int code = api_call(c, "DELETE", &target, false, NULL, NULL);
    return code != CLI_OK
               ? code
               : act(c, "POST", "/v1/accounts/%/purge", "Removed for good, with all its mail:");
}

/* ---- list and show ----------------------------------------------------------------------- */

static void account_rows(struct table *t, json_t *page)
{
    size_t i;
    json_t *a;
    char when[32];
    json_array_foreach(page, i, a)
    {
        table_cell(t, api_text(a, "address"));
        table_cell(t, api_text(a, "status"));
        table_cell(t, api_text(a, "class"));
        table_cell(t, human_time(api_text(a, "created"), when));
        table_cell(t, api_text(a, "name"));
    }
}

static void inactive_rows(struct table *t, json_t *page)
{
    size_t i;
    json_t *a;
    char when[32];
    json_array_foreach(page, i, a)
    {
        table_cell(t, api_text(a, "address"));
        table_cell(t, api_text(a, "class"));
        table_cell(t, human_time(api_text(a, "created"), when));
        table_cell(t, human_time(api_text(a, "last_login"), when));
        table_cell(t, api_text(a, "name"));
    }
}

static int list_inactive(struct cli *c)
{
    struct table t;
    table_init(&t, c->out,
               (const char *const[]){"ADDRESS", "CLASS", "CREATED", "LAST LOGIN", "NAME", NULL});
    int code = api_pages(c, "/v1/accounts?inactive=yes", "accounts", cli_option(c, "--domain"),
                         inactive_rows, &t);
    table_done(&t, c->json || code != CLI_OK ? NULL : "There are no inactive accounts.");
    return code;
}

int verb_account_list(struct cli *c)
{
    struct table t;
    if (cli_option(c, "--inactive") != NULL)
        return list_inactive(c);
    table_init(&t, c->out,
               (const char *const[]){"ADDRESS", "STATUS", "CLASS", "CREATED", "NAME", NULL});
    int code =
        api_pages(c, "/v1/accounts", "accounts", cli_option(c, "--domain"), account_rows, &t);
    table_done(&t, c->json || code != CLI_OK ? NULL : "There are no accounts.");
    return code;
}

static void show_quota(struct cli *c, json_t *quota)
{
    char used[32], max[32];
    int64_t bytes_max = api_int(quota, "bytes_max"), messages_max = api_int(quota, "messages_max");
    fprintf(c->out, "Mail:         %s of %s, %lld messages of ",
            human_bytes((uint64_t)api_int(quota, "bytes"), used),
            bytes_max > 0 ? human_bytes((uint64_t)bytes_max, max) : "no limit",
            (long long)api_int(quota, "messages"));
    if (messages_max > 0)
        fprintf(c->out, "%lld\n", (long long)messages_max);
    else
        fputs("no limit\n", c->out);
    fprintf(c->out, "Restorable:   %lld deleted messages, %s\n",
            (long long)api_int(quota, "restorable_messages"),
            human_bytes((uint64_t)api_int(quota, "restorable_bytes"), used));
}

static void show_logins(struct cli *c, json_t *a)
{
    size_t i;
    json_t *item;
    char when[32];
    json_array_foreach(json_object_get(a, "locks"), i, item)
        fprintf(c->out, "Locked:       from %s until %s UTC, after %lld wrong passwords\n",
                api_text(item, "network"), human_time(api_text(item, "until"), when),
                (long long)api_int(item, "failures"));
    json_t *attempts = json_object_get(a, "attempts");
    if (json_array_size(attempts) == 0)
        return;
    struct table t;
    fputs("\nLogin attempts, newest first (UTC):\n", c->out);
    table_init(&t, c->out, (const char *const[]){"WHEN", "FROM", "SERVICE", "RESULT", NULL});
    json_array_foreach(attempts, i, item)
    {
        table_cell(&t, human_time(api_text(item, "at"), when));
        table_cell(&t, api_text(item, "network"));
        table_cell(&t, api_text(item, "service"));
        table_cell(&t, json_is_true(json_object_get(item, "ok")) ? "ok" : "failed");
    }
    table_done(&t, NULL);
}

int verb_account_show(struct cli *c)
{
    struct buf target;
    json_t *answer;
    char when[32];
    api_target(&target, "/v1/accounts/%", c->args[0]);
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    json_t *a = json_object_get(answer, "account");
    if (c->json) {
        api_print(c, answer);
    } else {
        fprintf(c->out, "Address:      %s\nName:         %s\nStatus:       %s\nClass:        %s\n",
                api_text(a, "address"), api_text(a, "name"), api_text(a, "status"),
                api_text(a, "class"));
        fprintf(c->out, "Created:      %s UTC\n", human_time(api_text(a, "created"), when));
        if (api_text(a, "removed")[0] != '\0')
            fprintf(c->out, "Removed:      %s UTC%s\n", human_time(api_text(a, "removed"), when),
                    strcmp(api_text(a, "status"), "removed") == 0
                        ? "; mailstead account restore takes it back"
                        : "");
        fprintf(c->out, "Password:     %s\n", api_text(a, "credentials"));
        fprintf(c->out, "Last login:   %s%s\n", human_time(api_text(a, "last_login"), when),
                json_is_true(json_object_get(a, "inactive")) ? " (inactive)" : "");
        show_quota(c, json_object_get(a, "quota"));
        show_logins(c, a);
    }
    json_decref(answer);
    return CLI_OK;
}
