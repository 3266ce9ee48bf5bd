/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing is jansson's (depth limit 2048, duplicate members refused); this is the table walk. */
#include "web/json_in.h"

#include "base/err.h"
#include "base/limits.h"

int json_parse(struct span text, struct buf *why, json_t **out)
{
    json_error_t at;
    json_t *root = json_loadb(text.p != NULL ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &at);
    if (root == NULL) {
        buf_printf(why, "The body is not JSON: line %d: %s", at.line, at.text);
        return ERR_INVALID;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        buf_puts(why, "The body has to be one JSON object");
        return ERR_INVALID;
    }
    *out = root;
    return 0;
}

static int take_texts(json_t *value, struct json_texts *to, struct arena *a)
{
    if (!json_is_array(value))
        return ERR_INVALID;
    size_t n = json_array_size(value);
    struct span *v = arena_array(a, n + 1, sizeof *v);
    if (v == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(value, i);
        if (!json_is_string(item))
            return ERR_INVALID;
        v[i] = arena_dup(a, span_of(json_string_value(item), json_string_length(item)));
    }
    *to = (struct json_texts){v, n};
    return 0;
}

static int take_value(json_t *value, const struct json_member *m, struct arena *a)
{
    switch (m->kind) {
    case JSON_IN_TEXT:
        if (!json_is_string(value))
            return ERR_INVALID;
        *(struct span *)m->to =
            arena_dup(a, span_of(json_string_value(value), json_string_length(value)));
        return 0;
    case JSON_IN_UINT:
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return ERR_INVALID;
        *(uint64_t *)m->to = (uint64_t)json_integer_value(value);
        return 0;
    case JSON_IN_BOOL:
        if (!json_is_boolean(value))
            return ERR_INVALID;
        *(bool *)m->to = json_is_true(value);
        return 0;
    case JSON_IN_TEXTS: return take_texts(value, m->to, a);
    }
    return ERR_INVALID;
}

static const struct json_member *find(const struct json_member *members, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

int json_take(
    json_t *object, const struct json_member *members, size_t n, struct arena *a, struct buf *why)
{
    static const char *const kinds[] = {"a text", "a whole number, 0 or more", "true or false",
                                        "a list of texts"};
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        buf_puts(why, "Each entry has to be a JSON object");
        return ERR_INVALID;
    }
    json_object_foreach(object, name, value)
    {
        const struct json_member *m = find(members, n, name);
        if (m == NULL) {
            buf_printf(why, "There is no member \"%s\" here; known are", name);
            for (size_t i = 0; i < n; i++)
                buf_printf(why, "%s %s", i > 0 ? "," : "", members[i].name);
            return ERR_INVALID;
        }
        int err = take_value(value, m, a);
        if (err == ERR_INVALID)
            buf_printf(why, "\"%s\" has to be %s", name, kinds[m->kind]);
        if (err != 0)
            return err;
        if (m->given != NULL)
            *m->given = true;
    }
    for (size_t i = 0; i < n; i++)
        if (members[i].required && json_object_get(object, members[i].name) == NULL) {
            buf_printf(why, "\"%s\" is missing", members[i].name);
            return ERR_INVALID;
        }
    return arena_err(a);
}

int json_read(struct http_request *r, const struct json_member *members, size_t n)
{
    struct buf why;
    json_t *root = NULL;
    buf_init(&why, 4096);
    struct span body = span_trim(r->body).n > 0 ? r->body : SPAN("{}");
    int err = json_parse(body, &why, &root);
    if (err == 0)
        err = json_take(root, members, n, r->arena, &why);
    if (err != 0 && why.n > 0) {
        http_reply_error(r, err_info(err)->http, err_name(err), buf_span(&why));
        err = HTTP_ANSWERED;
    }
    json_decref(root);
    buf_done(&why);
    return err;
}
