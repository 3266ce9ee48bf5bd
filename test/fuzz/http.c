/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes to an HTTP session, first at once and then in pieces: what it answers must not depend on how
 * they were cut, else two readers of one stream could see different requests. */
#include "../http/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int echo(struct http_request *r)
{
    struct span x = SPAN_EMPTY;
    (void)http_query(r, SPAN("x"), &x);
    http_reply(r, 200, "text/plain", r->body.n > 0 ? r->body : x.n > 0 ? x : r->params[0]);
    return 0;
}

static const struct http_route routes[] = {
    {"GET", "/a/{name}", 0, echo, "", ""},
    {"POST", "/a", 0, echo, "", ""},
    {"POST", "/large", HTTP_LARGE_BODY, echo, "", ""},
};
static const struct http_server server = {
    .name = "fuzz", .routes = routes, .routes_n = COUNT_OF(routes), .timeout_ms = 1000};
static struct spools spools = {.dir = "/tmp"};
static const struct http_options options = {.spools = &spools, .body_large = 100000};

static void talk(struct feed *f, struct span in, size_t step)
{
    feed_open(f, http_session_new(&server, &options));
    feed_bytes(f, in, step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct feed whole, cut;
    struct span in = span_of(data, n);
    log_setup(-1, LOG_ERROR, LOG_LOGFMT);
    talk(&whole, in, SIZE_MAX);
    talk(&cut, in, 1 + n % 7);
    must(whole.closed == cut.closed);
    must(span_eq(buf_span(&whole.all), buf_span(&cut.all)));
    feed_close(&whole);
    feed_close(&cut);
    return 0;
}
