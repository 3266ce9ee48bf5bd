/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of service. */
#include "web/admin_private.h"

/* The numbers of a class and where they are: reading, writing and changing walk one table. */
/* clang-format off */
static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
#define NUMBER(field) {#field, offsetof(struct class_of_service, field)}
#define RETENTION(word, use) {"retention_days_" word, offsetof(struct class_of_service, retention_days) + (use) * sizeof(uint64_t)}
    NUMBER(quota_bytes), NUMBER(quota_messages), NUMBER(message_size),
    NUMBER(send_per_hour), NUMBER(recipients_per_hour), NUMBER(inactivity_days),
    RETENTION("inbox", USE_INBOX), RETENTION("sent", USE_SENT), RETENTION("drafts", USE_DRAFTS),
    RETENTION("junk", USE_JUNK), RETENTION("trash", USE_TRASH), RETENTION("archive", USE_ARCHIVE),
#undef NUMBER
#undef RETENTION
};
/* clang-format on */

static uint64_t *number_of(struct class_of_service *c, size_t i)
{
    return (uint64_t *)(void *)((char *)c + numbers[i].offset);
}

static void put_class(struct json_out *j, const char *key, struct class_of_service *c)
{
    json_begin(j, key, '{');
    json_text(j, "name", c->name);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        json_uint(j, numbers[i].name, *number_of(c, i));
    json_end(j, '}');
}

static int no_class(struct http_request *r, struct span name)
{
    return admin_fail(r, ERR_NOT_FOUND, "There is no class %.*s", SPAN_ARG(name));
}

static int show(struct http_request *r, int status, struct span name)
{
    struct class_of_service c;
    int err = class_get(admin_of(r)->directory, name, r->arena, &c);
    if (err == ERR_NOT_FOUND)
        return no_class(r, name);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, status);
    put_class(&j, "class", &c);
    return admin_done(r, &j);
}

int admin_class_show(struct http_request *r)
{
    return show(r, 200, r->params[0]);
}

int admin_class_list(struct http_request *r)
{
    struct class_of_service *v;
    size_t n;
    int err = class_list(admin_of(r)->directory, r->arena, &v, &n);
    if (err != 0)
        return err;
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "classes", '[');
    for (size_t i = 0; i < n; i++)
        put_class(&j, NULL, &v[i]);
    json_end(&j, ']');
    return admin_done(r, &j);
}

static int read_class(struct http_request *r, struct class_of_service *c, bool named)
{
    struct json_member members[COUNT_OF(numbers) + 1];
    size_t n = 0;
    for (; n < COUNT_OF(numbers); n++)
        members[n] =
            (struct json_member){numbers[n].name, JSON_IN_UINT, number_of(c, n), NULL, false};
    if (named)
        members[n++] = (struct json_member){"name", JSON_IN_TEXT, &c->name, NULL, true};
    return json_read(r, members, n);
}

int admin_class_add(struct http_request *r)
{
    struct class_of_service c = {0}, old;
    int err = read_class(r, &c, true);
    if (err != 0)
        return err;
    if (class_get(admin_of(r)->directory, c.name, r->arena, &old) == 0)
        return admin_fail(r, ERR_EXISTS, "The class %.*s exists already", SPAN_ARG(c.name));
    err = class_put(admin_of(r)->directory, &c);
    if (err == ERR_INVALID)
        return admin_fail(r, err, "A class is named with 1 to 64 letters, digits, or - _ .");
    return err != 0 ? err : show(r, 201, c.name);
}

int admin_class_set(struct http_request *r)
{
    struct class_of_service c;
    int err = class_get(admin_of(r)->directory, r->params[0], r->arena, &c);
    if (err == ERR_NOT_FOUND)
        return no_class(r, r->params[0]);
    if (err == 0)
        err = read_class(r, &c, false);
    if (err == 0)
        err = class_put(admin_of(r)->directory, &c);
    return err != 0 ? err : show(r, 200, c.name);
}

int admin_class_remove(struct http_request *r)
{
    int err = class_remove(admin_of(r)->directory, r->params[0]);
    if (err == ERR_NOT_FOUND)
        return no_class(r, r->params[0]);
    if (err == ERR_INVALID)
        return admin_fail(r, err, "The class default always exists");
    if (err == ERR_IN_USE)
        return admin_fail(r, err, "Domains or accounts still have the class %.*s",
                          SPAN_ARG(r->params[0]));
    return err != 0 ? err : admin_ok(r, 200);
}
