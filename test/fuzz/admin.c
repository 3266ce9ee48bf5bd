/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the admin API, one after the other on one installation in memory. The input is requests separated
 * by 0xff, each "METHOD target body"; they are sent as HTTP by this target, so that its bytes are spent on routes,
 * addresses and JSON. (The bytes of HTTP themselves are the targets http and json.)
 *
 * Whatever was asked: the answer is well formed, an error says a code and a sentence, nothing is an internal error,
 * and in the end the store and every account agree with themselves. */
#include "fuzz.h"

#include "../http/feed.h"
#include "../web/world.h"

#include <jansson.h>

enum { REQUESTS_MAX = 16 };

static struct world *world(void)
{
    static struct world w;
    static bool made;
    if (!made) {
        log_setup(-1, LOG_ERROR, LOG_LOGFMT);
        world_open(&w);
        made = true;
    }
    return &w;
}

/* The answer's status, and its body with the chunks joined. */
static int answer_read(struct span all, struct buf *body, bool *json)
{
    uint32_t status;
    must(span_skip(&all, SPAN("HTTP/1.1 ")) && span_to_u32(span_slice(all, 0, 3), &status));
    ssize_t end = span_find(all, SPAN("\r\n\r\n"));
    must(end > 0);
    struct span head = span_slice(all, 0, (size_t)end + 2);
    struct span rest = span_from(all, (size_t)end + 4);
    *json = span_find(head, SPAN("Content-Type: application/json\r\n")) > 0;
    if (span_find(head, SPAN("\r\nTransfer-Encoding: chunked\r\n")) < 0) {
        buf_put(body, rest);
        return (int)status;
    }
    while (rest.n > 0) { /* nothing follows the head that answers HEAD */
        size_t n = 0;
        struct span line = span_split(&rest, '\n'), piece;
        for (size_t i = 0; i + 1 < line.n; i++) {
            char c = line.p[i];
            n = n * 16 + (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        must(span_take(&rest, n, &piece) && span_skip(&rest, SPAN("\r\n")));
        buf_put(body, piece);
        must(n > 0 || rest.n == 0);
    }
    return (int)status;
}

static void body_check(int status, struct span body, bool json)
{
    if (!json) {
        must(status == 200);
        return;
    }
    json_error_t at;
    json_t *root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, &at);
    must(json_is_object(root));
    json_t *error = json_object_get(root, "error");
    must((status >= 400) == (error != NULL));
    if (error != NULL) {
        must(json_string_length(json_object_get(error, "code")) > 0);
        must(json_string_length(json_object_get(error, "message")) > 0);
    }
    json_decref(root);
}

static void call(struct world *w, struct span method, struct span target, struct span body)
{
    struct feed f;
    struct buf in, got;
    bool json = false;
    /* it would not be one request any more; that is the target http's */
    if (span_chr(method, '\n') >= 0 || span_chr(target, '\n') >= 0)
        return;
    buf_init(&in, 1 << 20);
    buf_init(&got, 16 << 20);
    buf_put(&in, method); /* not by printf, to which a NUL is an end */
    buf_putc(&in, ' ');
    buf_put(&in, target);
    buf_printf(&in, " HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", body.n);
    buf_put(&in, body);
    feed_open(&f, admin_session_new(&w->admin));
    feed_bytes(&f, buf_span(&in), SIZE_MAX);
    must(!f.waiting);
    int status = answer_read(buf_span(&f.all), &got, &json);
    must(status >= 200 && status != 500 && status != 503);
    if (!span_eq(method, SPAN("HEAD")))
        body_check(status, buf_span(&got), json);
    feed_close(&f);
    buf_done(&in);
    buf_done(&got);
}

static void calls(struct world *w, const char *method, const char *target, const char *body)
{
    call(w, span_str(method), span_str(target), span_str(body));
}

/* Somebody to talk about: two accounts, one of them with mail, a class, an alias and an alias domain. */
static void populate(struct world *w)
{
    static char hash[] = "{\"address\":\"anna@example.test\",\"name\":\"Anna\",\"password_hash\":"
                         "\"{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==\"}";
    calls(w, "POST", "/v1/domains", "{\"name\":\"example.test\"}");
    calls(w, "POST", "/v1/alias-domains", "{\"name\":\"other.test\",\"domain\":\"example.test\"}");
    calls(w, "POST", "/v1/classes", "{\"name\":\"gold\",\"quota_messages\":3}");
    calls(w, "POST", "/v1/accounts", hash);
    calls(w, "POST", "/v1/accounts", "{\"address\":\"bob@example.test\",\"class\":\"gold\"}");
    calls(w, "POST", "/v1/aliases",
          "{\"address\":\"info@example.test\",\"targets\":[\"anna@example.test\"]}");
    calls(w, "POST", "/v1/deliver?to=info@example.test&from=eve@example.net",
          "From: \"E\" <eve@example.net>\r\nSubject: Hi\r\n\r\nx\r\n");
}

static int check_account(void *arg, struct part part)
{
    struct world *w = arg;
    uint64_t problems = 1;
    must(mailbox_check(&w->mail, part.id, true, NULL, NULL, &problems) == 0 && problems == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = world();
    struct span rest = span_of(data, size);
    static uint64_t clean;
    if (size > 20000)
        return 0;
    if (clean == 0 || sim_commits(w->disk) != clean) {
        world_empty(w);
        populate(w);
        clean = sim_commits(w->disk);
    }
    for (int i = 0; rest.n > 0 && i < REQUESTS_MAX; i++) {
        struct span body = span_split(&rest, (char)0xff);
        struct span method = span_split(&body, ' ');
        struct span target = span_split(&body, ' ');
        call(w, method, target, body);
    }
    if (sim_commits(w->disk) != clean) {
        struct store_check engine;
        must(store_parts(w->store, PART_ACCOUNT, 0, check_account, w) == 0);
        must(store_check(w->store, NULL, NULL, &engine) == 0 && engine.problems == 0);
    }
    return 0;
}
