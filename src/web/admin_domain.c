/* SPDX-License-Identifier: Apache-2.0 */
/* Domains and alias domains. In the directory both are one kind of record; here they are two
 * resources, because an operator thinks of them so and most settings make sense for the first only.
 */
#include "web/admin_private.h"

static void put_domain(struct json_out *j, const char *key, const struct domain *d)
{
    json_begin(j, key, '{');
    json_text(j, "name", d->name);
    if (d->alias_of.n > 0) {
        json_text(j, "domain", d->alias_of);
    } else {
        json_text(j, "catch_all", d->catch_all);
        json_text(j, "class", d->default_class);
        json_bool(j, "suspended", d->suspended);
    }
    json_time(j, "created", d->created_ms);
    json_end(j, '}');
}

static int list(struct http_request *r, const char *key, bool aliases)
{
    struct domain *v;
    size_t n;
    int err = domain_list(admin_of(r)->directory, r->arena, &v, &n);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, key, '[');
    for (size_t i = 0; i < n; i++)
        if ((v[i].alias_of.n > 0) == aliases)
            put_domain(&j, NULL, &v[i]);
    json_end(&j, ']');
    return admin_done(r, &j);
}

static int show(struct http_request *r, int status, struct span name)
{
    struct domain d;
    int err = domain_get(admin_of(r)->directory, name, r->arena, &d);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, status);
    put_domain(&j, "domain", &d);
    return admin_done(r, &j);
}

int admin_domain_list(struct http_request *r)
{
    return list(r, "domains", false);
}

int admin_alias_domain_list(struct http_request *r)
{
    return list(r, "alias_domains", true);
}

int admin_domain_show(struct http_request *r)
{
    return show(r, 200, r->params[0]);
}

int admin_domain_add(struct http_request *r)
{
    struct domain d = {0};
    const struct json_member members[] = {
        {"name", JSON_IN_TEXT, &d.name, NULL, true},
        {"catch_all", JSON_IN_TEXT, &d.catch_all, NULL, false},
        {"class", JSON_IN_TEXT, &d.default_class, NULL, false},
        {"suspended", JSON_IN_BOOL, &d.suspended, NULL, false},
    };
    int err = json_read(r, members, COUNT_OF(members));
    if (err == 0)
        err = domain_add(admin_of(r)->directory, &d);
    if (err == ERR_BAD_ADDRESS && d.catch_all.n == 0)
        return admin_fail(r, err, "%.*s is not a domain name", SPAN_ARG(d.name));
    if (err == ERR_EXISTS)
        return admin_fail(r, err, "The domain %.*s is served already", SPAN_ARG(d.name));
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no class %.*s", SPAN_ARG(d.default_class));
    return err != 0 ? err : show(r, 201, d.name);
}

int admin_domain_set(struct http_request *r)
{
    struct admin *admin = admin_of(r);
    struct domain d;
    int err = domain_get(admin->directory, r->params[0], r->arena, &d);
    if (err != 0)
        return err;
    const struct json_member members[] = {
        {"catch_all", JSON_IN_TEXT, &d.catch_all, NULL, false},
        {"class", JSON_IN_TEXT, &d.default_class, NULL, false},
        {"suspended", JSON_IN_BOOL, &d.suspended, NULL, false},
    };
    if (d.alias_of.n > 0)
        return admin_fail(r, ERR_INVALID, "%.*s is an alias domain; it has no settings of its own",
                          SPAN_ARG(d.name));
    err = json_read(r, members, COUNT_OF(members));
    if (err == 0)
        err = domain_set(admin->directory, &d);
    if (err == 0 && d.suspended)
        auth_forget_domain(admin->auth, d.name);
    if (err == ERR_NOT_FOUND)
        return admin_fail(r, err, "There is no class %.*s", SPAN_ARG(d.default_class));
    return err != 0 ? err : show(r, 200, d.name);
}

static int remove_one(struct http_request *r, bool alias)
{
    struct domain d;
    int err = domain_get(admin_of(r)->directory, r->params[0], r->arena, &d);
    if (err == 0 && alias && d.alias_of.n == 0)
        return admin_fail(r, ERR_INVALID, "%.*s is a domain of its own, not an alias domain",
                          SPAN_ARG(d.name));
    if (err == 0 && !alias && d.alias_of.n > 0)
        return admin_fail(r, ERR_INVALID, "%.*s is an alias domain; remove it as such",
                          SPAN_ARG(d.name));
    if (err == 0)
        err = domain_remove(admin_of(r)->directory, r->params[0]);
    if (err == ERR_IN_USE)
        return admin_fail(
            r, err,
            "%.*s still has accounts, aliases or alias domains; remove (and purge) those first",
            SPAN_ARG(d.name));
    return err != 0 ? err : admin_ok(r, 200);
}

int admin_domain_remove(struct http_request *r)
{
    return remove_one(r, false);
}

int admin_alias_domain_remove(struct http_request *r)
{
    return remove_one(r, true);
}

int admin_alias_domain_add(struct http_request *r)
{
    struct domain d = {0};
    const struct json_member members[] = {
        {"name", JSON_IN_TEXT, &d.name, NULL, true},
        {"domain", JSON_IN_TEXT, &d.alias_of, NULL, true},
    };
    int err = json_read(r, members, COUNT_OF(members));
    if (err == 0 && d.alias_of.n == 0)
        return admin_fail(r, ERR_INVALID, "\"domain\" is empty");
    if (err == 0)
        err = domain_add(admin_of(r)->directory, &d);
    if (err == ERR_EXISTS)
        return admin_fail(r, err, "The domain %.*s is served already", SPAN_ARG(d.name));
    return err != 0 ? err : show(r, 201, d.name);
}
