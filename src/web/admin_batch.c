/* SPDX-License-Identifier: Apache-2.0 */
/* Many accounts in one request. Each row stands alone: one that fails does not hold the others up,
 * and one that exists is left as it is, so sending the same request again is harmless. An arena of
 * its own is reset after each row, so a batch costs no more memory than its body. */
#include "base/limits.h"
#include "web/admin_private.h"

struct batch {
    struct admin *admin;
    struct arena *arena;
    struct buf why;
    uint64_t added, existing, failed;
};

static void put_result(struct json_out *j, struct batch *b, struct span address, int err)
{
    json_begin(j, NULL, '{');
    json_text(j, "address", address);
    if (err == 0) {
        json_cstr(j, "result", "added");
        b->added++;
    } else if (err == ERR_EXISTS) {
        json_cstr(j, "result", "exists");
        b->existing++;
    } else {
        json_cstr(j, "result", "error");
        json_begin(j, "error", '{');
        json_cstr(j, "code", err_name(err));
        if (b->why.n > 0)
            json_text(j, "message", buf_span(&b->why));
        else
            json_cstr(j, "message", err_text(err));
        json_end(j, '}');
        b->failed++;
    }
    json_end(j, '}');
}

static void one(struct batch *b, json_t *row, struct json_out *j)
{
    struct admin_new_account in = {0};
    const struct json_member members[] = {
        {"address", JSON_IN_TEXT, &in.address, NULL, true},
        {"password", JSON_IN_TEXT, &in.password, NULL, false},
        {"password_hash", JSON_IN_TEXT, &in.password_hash, NULL, false},
        {"name", JSON_IN_TEXT, &in.name, NULL, false},
        {"class", JSON_IN_TEXT, &in.class_name, NULL, false},
    };
    struct span address = SPAN_EMPTY;
    buf_clear(&b->why);
    int err = json_take(row, members, COUNT_OF(members), b->arena, &b->why);
    if (err == 0)
        err = admin_account_make(b->admin, &in, b->arena, &b->why, &address);
    put_result(j, b, address.n > 0 ? address : in.address, err);
    arena_reset(b->arena);
}

static int run(struct http_request *r, struct batch *b, json_t *rows)
{
    size_t n = json_array_size(rows);
    if (!json_is_array(rows) || n > ADMIN_BATCH_MAX)
        return admin_fail(r, ERR_INVALID, "\"accounts\" has to be a list of at most %d accounts",
                          ADMIN_BATCH_MAX);
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "results", '[');
    for (size_t i = 0; i < n; i++)
        one(b, json_array_get(rows, i), &j);
    json_end(&j, ']');
    json_uint(&j, "added", b->added);
    json_uint(&j, "exists", b->existing);
    json_uint(&j, "failed", b->failed);
    return admin_done(r, &j);
}

int admin_account_batch(struct http_request *r)
{
    struct batch b = {.admin = admin_of(r), .arena = arena_new(LIMIT_SESSION_ARENA)};
    json_t *root = NULL;
    if (b.arena == NULL)
        return ERR_NOMEM;
    buf_init(&b.why, 4096);
    int err = json_parse(r->body, &b.why, &root);
    if (err == 0)
        err = run(r, &b, json_object_get(root, "accounts"));
    else if (b.why.n > 0)
        err = admin_fail(r, err, "%.*s", SPAN_ARG(buf_span(&b.why)));
    json_decref(root);
    buf_done(&b.why);
    arena_free(b.arena);
    return err;
}
