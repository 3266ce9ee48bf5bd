/* SPDX-License-Identifier: Apache-2.0 */
/* Many accounts in one request. Each row stands alone: one that fails does not hold the others up,
 * and one that exists is left as it is, so sending the same request again is harmless.
 *
 * A row waits for the disk twice, and the store makes one fsync do for all who wait at the same
 * moment; so rows are made on several threads. A row with a password costs an argon2id hash, that
 * is a processor and tens of megabytes: such requests get as many threads as logins have, and no
 * more. Rows are dealt into lanes by their address, and a lane is worked on in order by one thread:
 * so where an address comes twice the first row wins, as it would without threads. Answers are in
 * the order of the rows. The threads live as long as the request: starting them costs far less than
 * one fsync.
 *
 * An arena per lane is reset after each row and another keeps the answers' texts, so a batch costs
 * no more memory than its body and its answer. */
#include "base/limits.h"
#include "base/log.h"
#include "web/admin_private.h"

#include <pthread.h>

enum {
    LANES_MAX = 64,  /* as auth.threads at most */
    LANES_DISK = 16, /* rows that only wait for the disk */
    LANE_TEXTS = 8 * 1024 * 1024,
};

struct row {
    json_t *in;
    unsigned lane;
    int err;
    struct span address, why; /* live in the lane's `kept` */
};

struct lane {
    struct arena *scratch, *kept;
    struct buf why;
};

struct batch {
    struct admin *admin;
    struct row *rows;
    size_t n;
    unsigned lanes_n, lanes_open;
    struct lane lanes[LANES_MAX];
    char sid[32];       /* for the log lines of the threads */
    unsigned next_lane; /* atomic */
    uint64_t added, existing, failed;
};

static void one(struct admin *admin, struct lane *lane, struct row *row)
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
    buf_clear(&lane->why);
    row->err = json_take(row->in, members, COUNT_OF(members), lane->scratch, &lane->why);
    if (row->err == 0)
        row->err = admin_account_make(admin, &in, lane->scratch, &lane->why, &address);
    row->address = arena_dup(lane->kept, address.n > 0 ? address : in.address);
    if (row->err != 0)
        row->why = arena_dup(lane->kept, buf_span(&lane->why));
    arena_reset(lane->scratch);
}

/* Every thread, the request's own among them, takes lanes until none is left: one that could not be
 * started only makes it take longer. */
static void *work(void *arg)
{
    struct batch *b = arg;
    unsigned at;
    while ((at = __atomic_fetch_add(&b->next_lane, 1, __ATOMIC_RELAXED)) < b->lanes_n)
        for (size_t i = 0; i < b->n; i++)
            if (b->rows[i].lane == at)
                one(b->admin, &b->lanes[at], &b->rows[i]);
    return NULL;
}

static void *work_in_thread(void *arg)
{
    struct batch *b = arg;
    log_scope_set(span_str(b->sid), SPAN_EMPTY);
    (void)work(b);
    log_scope_clear();
    return NULL;
}

static void work_all(struct batch *b)
{
    pthread_t threads[LANES_MAX];
    unsigned n = 0;
    while (n + 1 < b->lanes_n && pthread_create(&threads[n], NULL, work_in_thread, b) == 0)
        n++;
    (void)work(b);
    while (n > 0)
        pthread_join(threads[--n], NULL);
}

/* FNV-1a over the address without regard to case: two rows of one account, however they are
 * capitalised, are in one lane. */
static uint64_t hash_of(json_t *row)
{
    json_t *address = json_object_get(row, "address");
    const char *p = json_string_value(address);
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; p != NULL && i < json_string_length(address); i++)
        h = (h ^ (uint8_t)ascii_lower(p[i])) * 0x100000001b3;
    return h ^ h >> 32;
}

static int deal(struct http_request *r, struct batch *b, json_t *list)
{
    size_t i;
    json_t *row;
    bool hashes = false;
    b->n = json_array_size(list);
    b->rows = arena_array(r->arena, b->n + 1, sizeof *b->rows);
    if (b->rows == NULL)
        return arena_err(r->arena);
    json_array_foreach(list, i, row) hashes = hashes || json_object_get(row, "password") != NULL;
    int64_t threads = b->admin->config(b->admin->arg)->auth_threads;
    b->lanes_n = !hashes                ? LANES_DISK
                 : threads < 1          ? 1
                 : threads >= LANES_MAX ? LANES_MAX
                                        : (unsigned)threads;
    json_array_foreach(list, i, row) b->rows[i] =
        (struct row){.in = row, .lane = (unsigned)(hash_of(row) % b->lanes_n)};
    for (; b->lanes_open < b->lanes_n; b->lanes_open++) {
        struct lane *lane = &b->lanes[b->lanes_open];
        lane->scratch = arena_new(LIMIT_SESSION_ARENA);
        lane->kept = arena_new(LANE_TEXTS);
        buf_init(&lane->why, 4096);
        if (lane->scratch == NULL || lane->kept == NULL) {
            b->lanes_open++;
            return ERR_NOMEM;
        }
    }
    return 0;
}

static void put_result(struct json_out *j, struct batch *b, const struct row *row)
{
    json_begin(j, NULL, '{');
    json_text(j, "address", row->address);
    if (row->err == 0) {
        json_cstr(j, "result", "added");
        b->added++;
    } else if (row->err == ERR_EXISTS) {
        json_cstr(j, "result", "exists");
        b->existing++;
    } else {
        json_cstr(j, "result", "error");
        json_begin(j, "error", '{');
        json_cstr(j, "code", err_name(row->err));
        if (row->why.n > 0)
            json_text(j, "message", row->why);
        else
            json_cstr(j, "message", err_text(row->err));
        json_end(j, '}');
        b->failed++;
    }
    json_end(j, '}');
}

static int run(struct http_request *r, struct batch *b, json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) > ADMIN_BATCH_MAX)
        return admin_fail(r, ERR_INVALID, "\"accounts\" has to be a list of at most %d accounts",
                          ADMIN_BATCH_MAX);
    int err = deal(r, b, list);
    if (err != 0)
        return err;
    work_all(b);
    struct json_out j = admin_begin(r, 200);
    json_begin(&j, "results", '[');
    for (size_t i = 0; i < b->n; i++)
        put_result(&j, b, &b->rows[i]);
    json_end(&j, ']');
    json_uint(&j, "added", b->added);
    json_uint(&j, "exists", b->existing);
    json_uint(&j, "failed", b->failed);
    return admin_done(r, &j);
}

int admin_account_batch(struct http_request *r)
{
    struct batch b = {.admin = admin_of(r)};
    json_t *root = NULL;
    struct buf why;
    buf_init(&why, 4096);
    (void)!span_to_cstr(log_scope_sid(), b.sid, sizeof b.sid);
    int err = json_parse(r->body, &why, &root);
    if (err == 0)
        err = run(r, &b, json_object_get(root, "accounts"));
    else if (why.n > 0)
        err = admin_fail(r, err, "%.*s", SPAN_ARG(buf_span(&why)));
    json_decref(root);
    buf_done(&why);
    for (unsigned i = 0; i < b.lanes_open; i++) {
        arena_free(b.lanes[i].scratch);
        arena_free(b.lanes[i].kept);
        buf_done(&b.lanes[i].why);
    }
    return err;
}
