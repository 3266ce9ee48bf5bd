/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the body of a request against a table with each kind of member: taken, or refused with a
 * sentence. And any bytes as texts of an answer: it is JSON to a parser that is not ours, and says the same. */
#include "fuzz.h"

#include "base/err.h"
#include "draw.h"
#include "web/json_in.h"
#include "web/json_out.h"

struct values {
    struct span name, note;
    uint64_t size;
    bool on, size_given;
    struct json_texts list;
};

static int take(struct span body, struct values *v, struct arena *a, struct buf *why)
{
    const struct json_member members[] = {
        {"name", JSON_IN_TEXT, &v->name, NULL, true},
        {"note", JSON_IN_TEXT, &v->note, NULL, false},
        {"size", JSON_IN_UINT, &v->size, &v->size_given, false},
        {"on", JSON_IN_BOOL, &v->on, NULL, false},
        {"list", JSON_IN_TEXTS, &v->list, NULL, false},
    };
    json_t *root = NULL;
    int err = json_parse(body, why, &root);
    if (err == 0)
        err = json_take(root, members, COUNT_OF(members), a, why);
    json_decref(root);
    return err;
}

static void put_values(struct buf *b, const struct values *v)
{
    struct json_out j = {.to = b};
    json_begin(&j, NULL, '{');
    json_text(&j, "name", v->name);
    json_text(&j, "note", v->note);
    if (v->size_given)
        json_uint(&j, "size", v->size);
    json_bool(&j, "on", v->on);
    json_begin(&j, "list", '[');
    for (size_t i = 0; i < v->list.n; i++)
        json_text(&j, NULL, v->list.v[i]);
    json_end(&j, ']');
    json_end(&j, '}');
    must(b->err == 0 && span_is_utf8(buf_span(b)));
}

static void same(const struct values *a, const struct values *b)
{
    must(span_eq(a->name, b->name) && span_eq(a->note, b->note));
    must(a->size_given == b->size_given && a->size == b->size && a->on == b->on);
    must(a->list.n == b->list.n);
    for (size_t i = 0; i < a->list.n; i++)
        must(span_eq(a->list.v[i], b->list.v[i]));
}

/* What was taken is written and taken again. */
static void body_round_trip(struct span in)
{
    struct arena *a = arena_new(4 * 1024 * 1024);
    struct values v = {.on = false}, again = {.on = false};
    struct buf why, b;
    must(a != NULL);
    buf_init(&why, 4096);
    buf_init(&b, 8 * 1024 * 1024);
    int err = take(in, &v, a, &why);
    must(err == 0 || err == ERR_INVALID || err == ERR_NOMEM || err == ERR_TOO_BIG);
    must(err != ERR_INVALID || why.n > 0 || why.err != 0);
    if (err == 0) {
        must(why.n == 0 && span_is_utf8(v.name) && span_is_utf8(v.note));
        put_values(&b, &v);
        must(take(buf_span(&b), &again, a, &why) == 0);
        same(&v, &again);
    }
    buf_done(&why);
    buf_done(&b);
    arena_free(a);
}

static void answer_round_trip(struct draw *d)
{
    struct buf b;
    struct json_out j = {.to = &b};
    struct span text = draw_span(d, 300), other = draw_span(d, 60);
    int64_t number = draw_i64(d), time = draw_i64(d);
    json_error_t at;
    buf_init(&b, 1024 * 1024);
    json_begin(&j, NULL, '{');
    json_text(&j, "text", text);
    json_int(&j, "number", number);
    json_time(&j, "time", time);
    json_begin(&j, "list", '[');
    json_text(&j, NULL, other);
    json_begin(&j, NULL, '{');
    json_end(&j, '}');
    json_end(&j, ']');
    json_end(&j, '}');
    must(b.err == 0);
    json_t *root = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &at);
    must(root != NULL);
    json_t *got = json_object_get(root, "text");
    if (span_is_utf8(text))
        must(span_eq(span_of(json_string_value(got), json_string_length(got)), text));
    must(json_integer_value(json_object_get(root, "number")) == number);
    must(json_is_null(json_object_get(root, "time")) == (time == 0));
    must(json_array_size(json_object_get(root, "list")) == 2);
    json_decref(root);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    body_round_trip(span_of(data, size));
    answer_round_trip(&d);
    return 0;
}
