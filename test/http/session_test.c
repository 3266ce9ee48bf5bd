/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP session: requests as bytes, answers as bytes, whole and one byte at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed.h"

static int get_hello(struct http_request *r)
{
    struct span name;
    struct span greeting = http_query(r, SPAN("greeting"), &name) ? name : SPAN("Hello");
    http_reply(r, 200, "text/plain",
               arena_printf(r->arena, "%.*s %.*s\n", SPAN_ARG(greeting), SPAN_ARG(r->params[0])));
    return 0;
}

static int post_echo(struct http_request *r)
{
    http_reply(r, 200, "application/octet-stream", r->body);
    return 0;
}

static int get_missing(struct http_request *r)
{
    (void)r;
    return ERR_NO_USER;
}

static int ends;

static enum http_stream count_down(struct http_request *r, struct buf *piece)
{
    int *n = r->stream_arg;
    buf_printf(piece, "%d\n", *n);
    *n -= 1;
    if (*n == 5)
        return HTTP_STREAM_WAIT;
    return *n > 0 ? HTTP_STREAM_MORE : HTTP_STREAM_END;
}

static void count_end(struct http_request *r)
{
    (void)r;
    ends++;
}

static int get_count(struct http_request *r)
{
    int *n = arena_alloc(r->arena, sizeof *n);
    assert_non_null(n);
    *n = span_eq(r->params[0], SPAN("short")) ? 3 : 7;
    http_stream_reply(r, "text/plain", count_down, count_end, n);
    return 0;
}

static enum http_stream snap(struct http_request *r, struct buf *piece)
{
    (void)r;
    buf_puts(piece, "half of it");
    return HTTP_STREAM_BREAK;
}

static int get_broken(struct http_request *r)
{
    http_stream_reply(r, "text/plain", snap, NULL, NULL);
    return 0;
}

static int get_large(struct http_request *r)
{
    http_reply(r, 200, "text/plain", SPAN_EMPTY);
    for (int i = 0; i < 100000; i++)
        buf_printf(&r->reply, "%08d\n", i);
    return 0;
}

static const struct http_route routes[] = {
    {"GET", "/hello/{name}", 0, get_hello, "", ""},
    {"DELETE", "/hello/{name}", 0, get_missing, "", ""},
    {"POST", "/echo", 0, post_echo, "", ""},
    {"POST", "/large", HTTP_LARGE_BODY, post_echo, "", ""},
    {"GET", "/large", 0, get_large, "", ""},
    {"GET", "/count/{how}", 0, get_count, "", ""},
    {"GET", "/broken", 0, get_broken, "", ""},
};
static const struct http_server server = {
    .name = "test",
    .routes = routes,
    .routes_n = COUNT_OF(routes),
    .timeout_ms = 1000,
};
static struct spools spools = {.dir = "/tmp"};
static const struct http_options options = {.spools = &spools, .body_large = 4 * 1024 * 1024};

#define H "Host: x\r\n"

/* What comes back for `in`, fed in pieces of `step`; NUL-terminated; freed by the caller. */
static char *talk(struct span in, size_t step, bool *closed_out)
{
    struct feed f;
    feed_open(&f, http_session_new(&server, &options));
    feed_bytes(&f, in, step);
    while (f.waiting)
        feed_wake(&f, WAKE_POSTED);
    feed_run(&f);
    if (closed_out != NULL)
        *closed_out = f.closed;
    buf_putc(&f.all, '\0');
    char *copy = malloc(f.all.n);
    assert_non_null(copy);
    memcpy(copy, f.all.p, f.all.n);
    feed_close(&f);
    return copy;
}

static int times(const char *in, const char *what)
{
    int n = 0;
    for (const char *at = in; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* The answer starts with `status`, ends with `end`, at any cutting of the input. */
static void expect(struct span in, const char *status, const char *end, bool closes)
{
    static const size_t steps[] = {SIZE_MAX, 1, 2, 7, 64};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool closed = false;
        char *got = talk(in, steps[i], &closed);
        if (strncmp(got, status, strlen(status)) != 0 || strlen(got) < strlen(end) ||
            strcmp(got + strlen(got) - strlen(end), end) != 0 || closed != closes)
            fail_msg("step %zu, closed %d: for %.*s got %s", steps[i], closed, SPAN_ARG(in), got);
        free(got);
    }
}

static void answers_a_request(void **state)
{
    (void)state;
    expect(SPAN("GET /hello/Anna HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 200 OK\r\n",
           "\r\n\r\nHello Anna\n", false);
    expect(SPAN("GET /hello/a%40b%2Fc?x=1&greeting=Gr%C3%BC%C3%9F+Gott HTTP/1.1\r\n" H "\r\n"),
           "HTTP/1.1 200 OK", "\r\n\r\nGr\xc3\xbc\xc3\x9f Gott a@b/c\n", false);
    expect(SPAN("HEAD /hello/Anna HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 200 OK\r\n", "\r\n\r\n",
           false);
    expect(SPAN("\r\n\r\nGET /hello/Anna HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
           "HTTP/1.1 200 OK\r\n", "Hello Anna\n", true);
    expect(SPAN("GET /hello/Anna HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK\r\n", "Hello Anna\n", true);
    expect(SPAN("GET /hello/Anna HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
           "HTTP/1.1 200 OK", "Hello Anna\n", false);
}

static void takes_bodies_in(void **state)
{
    (void)state;
    expect(SPAN("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde"), "HTTP/1.1 200 OK",
           "\r\n\r\nabcde", false);
    expect(SPAN("POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), "HTTP/1.1 200 OK",
           "\r\n\r\n", false);
    expect(SPAN("POST /echo HTTP/1.1\r\n" H
                "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n"),
           "HTTP/1.1 200 OK", "\r\n\r\nabcde", false);
    expect(SPAN("POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"),
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", "\r\n\r\nhi", false);
}

static void answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    static const size_t steps[] = {SIZE_MAX, 1, 5};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool closed = true;
        char *got = talk(SPAN("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nfirst"
                              "GET /count/short HTTP/1.1\r\n" H "\r\n"
                              "POST /echo HTTP/1.1\r\n" H
                              "Transfer-Encoding: chunked\r\n\r\n5\r\nthird\r\n0\r\n\r\n"
                              "GET /hello/fourth HTTP/1.1\r\n" H "\r\n"),
                         steps[i], &closed);
        assert_false(closed);
        assert_int_equal(times(got, "HTTP/1.1 200 OK"), 4);
        char *first = strstr(got, "\r\n\r\nfirst"), *third = strstr(got, "\r\n\r\nthird");
        assert_non_null(first);
        assert_true(third > first);
        assert_true(strstr(got, "Hello fourth\n") > third);
        free(got);
    }
}

static void refuses_what_could_be_read_in_two_ways(void **state)
{
    (void)state;
    static const struct span bad[] = {
        SPAN("HEAD! /hello/Anna HTTP/1.1\r\n" H "\r\n"), /* no HEAD: its refusal has a body */
        SPAN("GET /hello/a HTTP/1.1\n" H "\r\n"),
        SPAN("GET /hello/a HTTP/1.1\r\nHost: x\n\r\n"),
        SPAN("\nGET /hello/a HTTP/1.1\r\n" H "\r\n"),
        SPAN("GET /hello/a HTTP/1.1\r\n\r\n"),
        SPAN("GET /hello/a HTTP/1.1\r\n" H H "\r\n"),
        SPAN("GET /hello/a HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"),
        SPAN("GET /hello/a HTTP/1.1\r\n" H "X : a\r\n\r\n"),
        SPAN("POST /echo HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        SPAN("POST /echo HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"),
        SPAN("POST /echo HTTP/1.1\r\n" H
             "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SPAN("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        SPAN("GET /hello/%zz HTTP/1.1\r\n" H "\r\n"),
        SPAN("GET /hello/%00 HTTP/1.1\r\n" H "\r\n"),
        SPAN("CONNECT a:1 HTTP/1.1\r\n" H "\r\n"),
        SPAN("NONSENSE\r\n\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect(bad[i], "HTTP/1.1 400 Bad Request", "\"}}\n", true);
    expect(SPAN("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
           "HTTP/1.1 501 Not Implemented", "\"}}\n", true);
    expect(SPAN("GET /hello/a HTTP/1.1\r\n" H "Expect: a miracle\r\n\r\n"), "HTTP/1.1 417",
           "\"}}\n", true);
}

static void knows_its_routes(void **state)
{
    (void)state;
    expect(SPAN("GET /nowhere HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 404 Not Found", "\"}}\n", true);
    expect(SPAN("GET /hello/ HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 404 Not Found", "\"}}\n", true);
    expect(SPAN("GET /hello/a/ HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 404 Not Found", "\"}}\n", true);
    expect(SPAN("GET /hello/a/b HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 404 Not Found", "\"}}\n", true);
    expect(SPAN("DELETE /hello/a HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 404 Not Found",
           "{\"error\":{\"code\":\"NO_USER\",\"message\":\"There is no mailbox with this address "
           "here; please check "
           "the spelling\"}}\n",
           false);
    char *got = talk(SPAN("PUT /hello/a HTTP/1.1\r\n" H "\r\n"), SIZE_MAX, NULL);
    assert_non_null(strstr(got, "HTTP/1.1 405 "));
    assert_non_null(strstr(got, "\r\nAllow: GET, DELETE\r\n"));
    free(got);
}

static void keeps_its_limits(void **state)
{
    (void)state;
    struct buf in;
    buf_init(&in, 64 * 1024 * 1024);
    buf_puts(&in, "GET /hello/a HTTP/1.1\r\n" H "X: ");
    for (int i = 0; i < LIMIT_HTTP_HEADER; i++)
        buf_putc(&in, 'x');
    expect(buf_span(&in), "HTTP/1.1 431 ", "\"}}\n", true);
    buf_clear(&in);
    buf_puts(&in, "GET /hello/a HTTP/1.1\r\n" H);
    for (int i = 0; i < HTTP_FIELDS_MAX; i++)
        buf_puts(&in, "X: y\r\n");
    buf_puts(&in, "\r\n");
    expect(buf_span(&in), "HTTP/1.1 431 ", "\"}}\n", true);
    buf_done(&in);
    expect(SPAN("POST /echo HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n"), "HTTP/1.1 413 ",
           "\"}}\n", true);
    expect(SPAN("POST /echo HTTP/1.1\r\n" H
                "Expect: 100-continue\r\nContent-Length: 99999999999999999999\r\n\r\n"),
           "HTTP/1.1 4", "\"}}\n", true);
    expect(SPAN("PUT /hello/a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nGET /"), "HTTP/1.1 405 ",
           "\"}}\n", true);
}

static void streams_large_bodies_through_the_spool(void **state)
{
    (void)state;
    static const size_t sizes[] = {LIMIT_HTTP_BODY, LIMIT_HTTP_BODY + 1, 4 * 1024 * 1024,
                                   4 * 1024 * 1024 + 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (int large = 0; large < 2; large++) {
            struct buf in;
            buf_init(&in, 64 * 1024 * 1024);
            buf_printf(&in, "POST /%s HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
                       large ? "large" : "echo");
            buf_printf(&in, "%zx\r\n", sizes[i]);
            for (size_t n = 0; n < sizes[i]; n++)
                buf_putc(&in, (char)('a' + n % 26));
            buf_puts(&in, "\r\n0\r\n\r\n");
            bool closed = false;
            char *got = talk(buf_span(&in), 50000, &closed);
            bool fits = sizes[i] <= (large ? options.body_large : LIMIT_HTTP_BODY);
            assert_non_null(strstr(got, fits ? "HTTP/1.1 200 " : "HTTP/1.1 413 "));
            assert_int_equal(closed, !fits);
            if (fits)
                assert_int_equal(strlen(strstr(got, "\r\n\r\n") + 4), sizes[i]);
            free(got);
            buf_done(&in);
        }
    }
}

static void streams_answers(void **state)
{
    (void)state;
    ends = 0;
    expect(SPAN("GET /count/short HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 200 OK",
           "\r\n\r\n2\r\n3\n\r\n2\r\n2\n\r\n2\r\n1\n\r\n0\r\n\r\n", false);
    assert_int_equal(ends, 5);
    expect(SPAN("GET /count/long HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 200 OK",
           "2\r\n1\n\r\n0\r\n\r\n", false);
    expect(SPAN("GET /count/short HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK", "\r\n\r\n3\n2\n1\n", true);
    expect(SPAN("GET /broken HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 200 OK", "\r\n\r\n", true);
    char *got = talk(SPAN("GET /large HTTP/1.1\r\n" H "\r\n"), SIZE_MAX, NULL);
    assert_non_null(strstr(got, "Content-Length: 900000\r\n"));
    assert_non_null(strstr(got, "00099999\n"));
    free(got);
    struct feed f; /* the client goes away in the middle */
    feed_open(&f, http_session_new(&server, &options));
    ends = 0;
    feed_bytes(&f, SPAN("GET /count/long HTTP/1.1\r\n" H "\r\n"), SIZE_MAX);
    assert_true(f.waiting);
    feed_close(&f);
    assert_int_equal(ends, 1);
}

static void does_not_wait_for_ever(void **state)
{
    (void)state;
    struct feed f;
    feed_open(&f, http_session_new(&server, &options));
    feed_wake(&f, WAKE_TIMEOUT);
    assert_true(f.closed);
    assert_int_equal(f.all.n, 0);
    feed_close(&f);
    feed_open(&f, http_session_new(&server, &options));
    feed_bytes(&f, SPAN("GET /hel"), SIZE_MAX);
    feed_wake(&f, WAKE_TIMEOUT);
    assert_true(span_starts(buf_span(&f.all), SPAN("HTTP/1.1 408 ")));
    feed_close(&f);
    feed_open(&f, http_session_new(&server, &options));
    feed_bytes(&f, SPAN("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab"), SIZE_MAX);
    feed_wake(&f, WAKE_SHUTDOWN);
    assert_true(span_starts(buf_span(&f.all), SPAN("HTTP/1.1 503 ")));
    assert_true(f.closed);
    feed_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_request),
        cmocka_unit_test(takes_bodies_in),
        cmocka_unit_test(answers_pipelined_requests_in_order),
        cmocka_unit_test(refuses_what_could_be_read_in_two_ways),
        cmocka_unit_test(knows_its_routes),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(streams_large_bodies_through_the_spool),
        cmocka_unit_test(streams_answers),
        cmocka_unit_test(does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
