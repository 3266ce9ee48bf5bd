/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases: one address, one or more places. */
#include "base/limits.h"
#include "web/admin_private.h"

static void put_alias(struct json_out *j, const char *key, const struct alias *a)
{
    json_begin(j, key, '{');
    json_text(j, "address", a->address);
    json_begin(j, "targets", '[');
    for (size_t i = 0; i < a->targets_n; i++)
        json_text(j, NULL, a->targets[i]);
    json_end(j, ']');
    json_end(j, '}');
}

static int show(struct http_request *r, int status, struct span address)
{
    struct alias a;
    int err = alias_get(admin_of(r)->directory, address, r->arena, &a);
    if (err == ERR_NO_USER || err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no alias %.*s", SPAN_ARG(address));
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, status);
    put_alias(&j, "alias", &a);
    return admin_done(r, &j);
}

int admin_alias_show(struct http_request *r)
{
    return show(r, 200, r->params[0]);
}

int admin_alias_list(struct http_request *r)
{
    struct admin_page page;
    struct alias *v;
    size_t n;
    int err = admin_page(r, &page);
    if (err == 0)
        err = alias_list(admin_of(r)->directory, page.domain, page.after, page.limit, r->arena, &v,
                         &n);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "aliases", '[');
    for (size_t i = 0; i < n; i++)
        put_alias(&j, NULL, &v[i]);
    json_end(&j, ']');
    json_text(&j, "next", n == page.limit ? v[n - 1].address : SPAN_EMPTY);
    return admin_done(r, &j);
}

static int
put(struct http_request *r, int status, struct span address, const struct json_texts *targets)
{
    if (targets->n == 0 || targets->n > LIMIT_ALIAS_TARGETS)
        return admin_fail(r, ERR_INVALID, "An alias has 1 to %d targets", LIMIT_ALIAS_TARGETS);
    struct alias a = {.address = address, .targets = targets->v, .targets_n = targets->n};
    int err = alias_put(admin_of(r)->directory, &a);
    if (err == ERR_EXISTS)
        return admin_fail(r, err, "%.*s is an account", SPAN_ARG(address));
    if (err == ERR_LOOP)
        return admin_fail(r, ERR_INVALID, "An alias cannot be its own target");
    if (err == ERR_INVALID)
        return admin_fail(r, err, "The domain of %.*s is another name of a domain; make it there",
                          SPAN_ARG(address));
    return err != 0 ? err : show(r, status, address);
}

int admin_alias_add(struct http_request *r)
{
    struct span address = SPAN_EMPTY;
    struct json_texts targets = {0};
    struct alias old;
    const struct json_member members[] = {
        {"address", JSON_IN_TEXT, &address, NULL, true},
        {"targets", JSON_IN_TEXTS, &targets, NULL, true},
    };
    int err = json_read(r, members, COUNT_OF(members));
    if (err != 0)
        return err;
    if (alias_get(admin_of(r)->directory, address, r->arena, &old) == 0)
        return admin_fail(r, ERR_EXISTS, "The alias %.*s exists already; it can be replaced",
                          SPAN_ARG(address));
    return put(r, 201, address, &targets);
}

int admin_alias_put(struct http_request *r)
{
    struct json_texts targets = {0};
    const struct json_member members[] = {{"targets", JSON_IN_TEXTS, &targets, NULL, true}};
    int err = json_read(r, members, COUNT_OF(members));
    return err != 0 ? err : put(r, 200, r->params[0], &targets);
}

int admin_alias_remove(struct http_request *r)
{
    int err = alias_remove(admin_of(r)->directory, r->params[0]);
    if (err == ERR_NO_USER || err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no alias %.*s", SPAN_ARG(r->params[0]));
    return err != 0 ? err : admin_ok(r, 200);
}
